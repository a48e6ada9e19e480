// SPDX-License-Identifier: Apache-2.0
#include "oracles/tiny_model.h"

#include "config/native_config.h"
#include "model/weights.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::testing {

std::optional<std::string> missing_capability(const Json& native) {
  const Json& tower = native.at("vision_backbone");
  const auto is = [&](const char* key, const char* value) { return native.at(key) == value; };
  if (!is("block_type", "sequential")) return "block type " + native.at("block_type").get<std::string>();
  if (!native.at("rope").get<bool>()) return "learned positions";
  if (native.at("weight_tying").get<bool>()) return "tied head";
  if (native.at("additional_vocab_size").is_null()) return "plain embedding table";
  if (is("image_projector", "2mlp")) return "projector 2mlp";
  if (tower.is_null()) return std::nullopt;
  const config::VitConfig vit = config::model_from_native(native, "golden case").vit;
  if (vit.num_positions != vit.num_patches() + (vit.has_class_token() ? 1 : 0)) return "position table resized at run time";
  return std::nullopt;
}

std::unique_ptr<model::Molmo> load_golden_model(const Json& native, const std::filesystem::path& weights_file) {
  auto molmo = std::make_unique<model::Molmo>(config::model_from_native(native, weights_file.string()));
  TensorMap weights = read_golden_tensors(weights_file);
  for (Parameter& param : molmo->params().all()) {
    const auto found = weights.find(param.name);
    if (found == weights.end() || found->second.sizes() != param.value.sizes()) {
      throw std::runtime_error("golden weights lack " + param.name + " " + format_shape(param.value.sizes()));
    }
    param.value = found->second;
    weights.erase(found);
  }
  if (!weights.empty()) throw std::runtime_error("golden weights hold an unknown tensor: " + weights.begin()->first);
  return molmo;
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
