// SPDX-License-Identifier: Apache-2.0
#include "model/batch.h"

#include "base/check.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::model {
namespace {

template <class T, class Allocator>
Tensor copy_of(const std::vector<T, Allocator>& values, IntArrayRef shape, at::Device device) {
  constexpr at::ScalarType dtype = std::is_same_v<T, float>     ? at::kFloat
                                   : std::is_same_v<T, uint8_t> ? at::kByte
                                                                : at::kLong;
  int64_t num_values = 1;
  for (const int64_t size : shape) num_values *= size;
  MOLMO_CHECK(num_values == static_cast<int64_t>(values.size()),
              fmt::format("batch array of {} values for shape {}", values.size(), format_shape(shape)));
  const Tensor view = at::from_blob(const_cast<T*>(values.data()), shape, at::TensorOptions().dtype(dtype));
  // Through pinned memory the copy to a GPU runs beside what the GPU does; its allocator keeps the memory until then.
  if (device.is_cuda()) return view.pin_memory().to(device, dtype, /*non_blocking=*/true);
  return view.to(device, dtype, /*non_blocking=*/false, /*copy=*/true);  // the batch does not outlive this call
}

// Through pinned memory, as above.
Tensor put(const Tensor& values, at::Device device) {
  return device.is_cuda() ? values.pin_memory().to(device, values.scalar_type(), /*non_blocking=*/true) : values;
}

// Normalises on the device what came there as bytes, with the roundings of the preprocessor. The divisors are tensors:
// LibTorch multiplies with the reciprocal of a scalar one, which rounds otherwise.
Tensor normalize_bytes(const Tensor& bytes,  // [C, N, 3p^2] uint8 -> float32
                       const image::Normalization& normalization) {
  const auto per_value = [&](const std::array<float, 3>& of_channel) {
    return at::tensor(of_channel).to(bytes.device()).repeat({bytes.size(2) / 3});  // [3p^2]
  };
  const Tensor values = bytes.to(at::kFloat).div_(per_value({255.0f, 255.0f, 255.0f}));
  if (normalization.is_siglip) return values.mul(2.0).sub_(1.0);
  return values.sub(per_value(normalization.mean)).div_(per_value(normalization.std));
}

// On a GPU rows are attended to sequence by sequence. They are planned here, on the CPU, where nobody waits for it.
std::shared_ptr<const tensor::SequencePlan> plan_rows(const preprocess::Batch& batch, at::Device device) {
  if (!device.is_cuda()) return nullptr;
  const Tensor ids = copy_of(batch.input_ids, {batch.num_rows, batch.sequence_length}, at::kCPU);
  return model::plan_rows(
      ids, batch.subsegment_ids.empty() ? Tensor() : copy_of(batch.subsegment_ids, ids.sizes(), at::kCPU), device);
}

}  // namespace

std::shared_ptr<const tensor::SequencePlan> plan_rows(const Tensor& ids, const Tensor& segments, at::Device device) {
  const Tensor of_tokens = segments.defined() ? segments : at::zeros_like(ids);
  return std::make_shared<tensor::SequencePlan>(tensor::plan_sequences(at::where(ids == -1, -1, of_tokens), device));
}

ModelInputs make_inputs(const preprocess::Batch& batch, at::Device device) {
  const std::vector<int64_t> rows = {batch.num_rows, batch.sequence_length};
  ModelInputs inputs;
  inputs.input_ids = copy_of(batch.input_ids, rows, device);
  if (!batch.position_ids.empty()) inputs.position_ids = copy_of(batch.position_ids, rows, device);
  if (!batch.subsegment_ids.empty()) inputs.subsegment_ids = copy_of(batch.subsegment_ids, rows, device);
  inputs.sequences = plan_rows(batch, device);
  if (!batch.loss_masks.empty()) inputs.is_response = copy_of(batch.loss_masks, rows, device) > 0;
  if (!batch.token_streams.empty()) inputs.token_streams = copy_of(batch.token_streams, rows, device);
  if (batch.num_crops == 0) return inputs;
  const std::vector<int64_t> shape = {batch.num_crops, batch.num_patches, batch.patch_values};
  inputs.patches = batch.byte_patches.empty()
                       ? copy_of(batch.patches, shape, device)
                       : normalize_bytes(copy_of(batch.byte_patches, shape, device), batch.normalization);
  if (!batch.image_masks.empty())
    inputs.image_masks = copy_of(batch.image_masks, {batch.num_crops, batch.num_patches}, device);
  inputs.crop_streams = copy_of(batch.crop_streams, {batch.num_crops}, device);
  inputs.crop_rows = copy_of(batch.crop_rows, {batch.num_crops}, device);
  const Tensor positions = copy_of(batch.token_positions, {batch.num_crops, batch.num_cells}, at::kCPU);
  inputs.token_positions = put(positions, device);
  inputs.placed = placed_tokens(positions, device);
  return inputs;
}

ModelInputs padding_inputs(at::Device device) {
  ModelInputs inputs;
  inputs.input_ids = at::full({1, 1}, -1, at::TensorOptions().dtype(at::kLong).device(device));
  inputs.position_ids = inputs.input_ids;
  inputs.is_response = at::zeros({1, 1}, at::TensorOptions().dtype(at::kBool).device(device));
  return inputs;
}

void add_padding_crop(ModelInputs& inputs, const config::ModelConfig& config) {
  const auto options = inputs.input_ids.options();
  const config::ConnectorConfig& connector = config.connector;
  const auto cells = [](int64_t patches, int64_t pool) { return (patches + pool - 1) / pool; };
  const int64_t num_cells =
      cells(config.vit.grid_height(), connector.pool_height) * cells(config.vit.grid_width(), connector.pool_width);
  inputs.patches = at::full({1, config.vit.num_patches(), config.vit.patch_values()}, -1.0, options.dtype(at::kFloat));
  if (connector.padding_embed != config::PaddingEmbedKind::kNone)
    inputs.image_masks = at::zeros({1, config.vit.num_patches()}, options.dtype(at::kFloat));
  inputs.crop_rows = at::zeros({1}, options);
  inputs.token_positions = at::full({1, num_cells}, -100, options);
  inputs.placed = at::empty({0}, options);
}

ModelTargets make_targets(const Tensor& labels, const Tensor& weights, at::Device device) {
  return {.labels = put(labels, device),
          .weights = put(weights, device),
          .counted = put((weights.flatten() > 0).nonzero().squeeze(1), device),
          .weight_sum = weights.clamp_min(0).sum(at::kDouble).item<double>()};
}

ModelTargets make_targets(const preprocess::Batch& batch, at::Device device) {
  const std::vector<int64_t> rows = {batch.num_rows, batch.sequence_length};
  return make_targets(copy_of(batch.labels, rows, at::kCPU), copy_of(batch.loss_masks, rows, at::kCPU), device);
}

Tensor placed_tokens(const Tensor& token_positions, at::Device device) {
  return put((token_positions.flatten() >= 0).nonzero().squeeze(1), device);
}

}  // namespace molmo::model
