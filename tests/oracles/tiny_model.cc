// SPDX-License-Identifier: Apache-2.0
#include "oracles/tiny_model.h"

#include "config/native_config.h"
#include "model/layout.h"
#include "model/weights.h"
#include "tensor/ops.h"

namespace molmo::testing {

std::unique_ptr<model::Molmo> load_golden_model(const Json& native, const std::filesystem::path& weights_file) {
  auto molmo = std::make_unique<model::Molmo>(config::model_from_native(native, weights_file.string()));
  model::load_weights(molmo->params(), molmo->config(), weights_file);
  return molmo;
}

TensorMap by_parameter(const TensorMap& tensors, const model::Molmo& molmo) {
  model::NamedTensors names;
  for (const auto& [name, tensor] : tensors) names[name] = nullptr;
  TensorMap result;
  for (const model::Recipe& recipe :
       model::make_recipes(model::detect_layout(names).value(), molmo.config(), molmo.params())) {
    std::vector<Tensor> parts, zeros = model::take_apart(recipe, at::zeros(recipe.shape));
    bool any = false;
    for (size_t i = 0; i < recipe.sources.size(); ++i) {
      const auto found = tensors.find(recipe.sources[i]);
      any |= found != tensors.end();
      parts.push_back(found != tensors.end() ? found->second : zeros[i]);
    }
    Tensor value;
    if (any && model::assemble(recipe, molmo.config().vit, parts, value).empty()) result[recipe.name] = value;
  }
  return result;
}

model::ModelInputs golden_inputs(const TensorMap& in) {
  model::ModelInputs inputs;
  inputs.input_ids = in.at("input_ids");
  inputs.position_ids = tensor_or_none(in, "position_ids");
  inputs.subsegment_ids = tensor_or_none(in, "subsegment_ids");
  const Tensor loss_masks = tensor_or_none(in, "loss_masks");
  if (loss_masks.defined()) inputs.is_response = loss_masks > 0;
  if (!in.contains("images")) return inputs;
  const Tensor images = in.at("images");  // [B, T, N, 3p^2]
  inputs.patches = images.flatten(0, 1);
  const Tensor masks = tensor_or_none(in, "image_masks");
  if (masks.defined()) inputs.image_masks = masks.flatten(0, 1);
  inputs.token_positions = in.at("image_input_idx").to(at::kLong).flatten(0, 1);
  inputs.crop_rows = at::arange(images.size(0), at::kLong).repeat_interleave(images.size(1));
  return inputs;
}

model::ModelTargets golden_targets(const TensorMap& in) { return {in.at("labels"), in.at("loss_masks")}; }

}  // namespace molmo::testing
