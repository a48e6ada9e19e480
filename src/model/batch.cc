// SPDX-License-Identifier: Apache-2.0
#include "model/batch.h"

#include "base/check.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::model {
namespace {

template <class T, class Allocator>
Tensor copy_of(const std::vector<T, Allocator>& values, IntArrayRef shape, at::Device device) {
  constexpr at::ScalarType dtype = std::is_same_v<T, float> ? at::kFloat : at::kLong;
  int64_t num_values = 1;
  for (const int64_t size : shape) num_values *= size;
  MOLMO_CHECK(num_values == static_cast<int64_t>(values.size()),
              fmt::format("batch array of {} values for shape {}", values.size(), format_shape(shape)));
  // The batch does not outlive this call, so CPU tensors are copied too.
  return at::from_blob(const_cast<T*>(values.data()), shape, at::TensorOptions().dtype(dtype))
      .to(device, dtype, false, true);
}

}  // namespace

ModelInputs make_inputs(const preprocess::Batch& batch, at::Device device) {
  const std::vector<int64_t> rows = {batch.num_rows, batch.sequence_length};
  ModelInputs inputs;
  inputs.input_ids = copy_of(batch.input_ids, rows, device);
  if (!batch.position_ids.empty()) inputs.position_ids = copy_of(batch.position_ids, rows, device);
  if (!batch.subsegment_ids.empty()) inputs.subsegment_ids = copy_of(batch.subsegment_ids, rows, device);
  if (!batch.loss_masks.empty()) inputs.is_response = copy_of(batch.loss_masks, rows, device) > 0;
  if (batch.num_crops == 0) return inputs;
  inputs.patches = copy_of(batch.patches, {batch.num_crops, batch.num_patches, batch.patch_values}, device);
  if (!batch.image_masks.empty())
    inputs.image_masks = copy_of(batch.image_masks, {batch.num_crops, batch.num_patches}, device);
  inputs.crop_rows = copy_of(batch.crop_rows, {batch.num_crops}, device);
  inputs.token_positions = copy_of(batch.token_positions, {batch.num_crops, batch.num_cells}, device);
  return inputs;
}

ModelTargets make_targets(const preprocess::Batch& batch, at::Device device) {
  const std::vector<int64_t> rows = {batch.num_rows, batch.sequence_length};
  return {copy_of(batch.labels, rows, device), copy_of(batch.loss_masks, rows, device)};
}

}  // namespace molmo::model
