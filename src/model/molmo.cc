// SPDX-License-Identifier: Apache-2.0
#include "model/molmo.h"

#include "base/check.h"
#include "tensor/ops.h"
#include "tensor/shape.h"
#include "tensor/taps.h"

namespace molmo::model {
namespace {

std::vector<int> count_from_zero(std::vector<int> layers, int num_layers) {
  for (int& layer : layers) {
    if (layer < 0) layer += num_layers;
    MOLMO_CHECK(layer >= 0 && layer < num_layers, fmt::format("vit layer {} of {}", layer, num_layers));
  }
  return layers;
}

}  // namespace

Molmo::Molmo(const config::ModelConfig& config)
    : config_(config),
      vit_layers_(count_from_zero(config.connector.vit_layers, config.vit.num_layers)),
      vit_(config.vit, ParamScope(params_, "model.vision_backbone.image_vit").of(Component::kVit)),
      connector_(config, ParamScope(params_, "model.vision_backbone").of(Component::kConnector)),
      decoder_(config.decoder, ParamScope(params_, "model.transformer").of(Component::kLlm)) {}

Tensor Molmo::tower_features(const Tensor& patches, const ForwardOptions& options) const {
  const Tensor is_picture = (patches == -1).all(-1).all(-1).logical_not();              // [C]
  const Tensor features = at::concat(vit_(patches, vit_layers_, options.compute), -1);  // [C, N, n*Dv]
  const Tensor kept = features * is_picture.view({-1, 1, 1}).to(features.scalar_type());
  tap("connector.vit_features", kept);
  return kept;
}

Tensor Molmo::encode_images(const Tensor& patches, const Tensor& masks, const ForwardOptions& options) const {
  return connector_(tower_features(patches, options), masks, options);
}

Tensor Molmo::insert_features(const Tensor& embeddings, const Tensor& features, const ModelInputs& inputs) const {
  const int64_t length = embeddings.size(1), width = embeddings.size(2);
  expect_shape("token_positions", inputs.token_positions, {features.size(0), features.size(1)});
  const Tensor flat = (inputs.crop_rows.unsqueeze(1) * length + inputs.token_positions).flatten();  // [C*P]
  const Tensor placed = inputs.placed.defined()                                                     // [M]
                            ? inputs.placed
                            : (inputs.token_positions >= 0).flatten().nonzero().squeeze(1);
  const Tensor values = features.reshape({-1, width}).index_select(0, placed).to(embeddings.scalar_type());
  return embeddings.reshape({-1, width}).index_add(0, flat.index_select(0, placed), values).view_as(embeddings);
}

Tensor Molmo::hidden_states(const ModelInputs& inputs, nn::KvCache* cache, const ForwardOptions& options) const {
  expect_shape("input_ids", inputs.input_ids, {kAnySize, kAnySize});
  Tensor x = decoder_.embed(inputs.input_ids);  // [B, S, D]
  tap("decoder.token_embeddings", x);
  if (inputs.patches.defined() && inputs.patches.size(0) > 0) {
    MOLMO_CHECK(cache == nullptr || cache->longest() == 0, "images belong to the first pass");
    x = insert_features(x, encode_images(inputs.patches, inputs.image_masks, options), inputs);
  }
  MOLMO_CHECK(inputs.position_ids.defined() || cache == nullptr || cache->longest() == 0,
              "later passes need position_ids");
  const Tensor positions = inputs.position_ids.defined() ? inputs.position_ids : derive_positions(inputs.input_ids);
  const RowLayout layout{.segments = inputs.subsegment_ids, .sequences = inputs.sequences};
  return decoder_(x, inputs.input_ids, positions, layout, cache, options);
}

std::vector<Unit> Molmo::units() const {
  std::vector<Unit> units = vit_.units();
  units.push_back(connector_.unit());
  const std::vector<Unit> rest = decoder_.units();
  units.insert(units.end(), rest.begin(), rest.end());
  return units;
}

Tensor Molmo::forward(const ModelInputs& inputs, const ForwardOptions& options) const {
  const Tensor result = logits(hidden_states(inputs, nullptr, options), options);
  tap("logits", result);
  return result;
}

}  // namespace molmo::model
