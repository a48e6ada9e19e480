// SPDX-License-Identifier: Apache-2.0
#include "preprocess/collate.h"

#include <algorithm>

#include "base/check.h"

namespace molmo::preprocess {
namespace {

constexpr int64_t kPadding = -1;
constexpr int64_t kCutOff = -100;

// Copies `row` into row `index` of a [B, S] array, cut or padded to S.
template <class T>
void place_row(std::vector<T>& array, int64_t index, int64_t length, const std::vector<T>& row) {
  std::copy_n(row.begin(), std::min<int64_t>(length, static_cast<int64_t>(row.size())), array.begin() + index * length);
}

void append_image(Batch& batch, int64_t row, const ImageInputs& image, int64_t stream) {
  if (batch.num_crops == 0) {
    batch.num_patches = image.num_patches;
    batch.patch_values = image.patch_values;
    batch.num_cells = image.num_cells;
    batch.normalization = image.normalization;
  }
  MOLMO_CHECK(batch.num_patches == image.num_patches && batch.patch_values == image.patch_values &&
                  batch.num_cells == image.num_cells && batch.normalization == image.normalization,
              "pictures of different crop sizes in a batch");
  batch.num_crops += image.num_crops;
  batch.patches.insert(batch.patches.end(), image.patches.begin(), image.patches.end());
  batch.byte_patches.insert(batch.byte_patches.end(), image.byte_patches.begin(), image.byte_patches.end());
  batch.image_masks.insert(batch.image_masks.end(), image.masks.begin(), image.masks.end());
  for (int crop = 0; crop < image.num_crops; ++crop) batch.crop_streams.push_back(stream + crop);
  batch.crop_rows.insert(batch.crop_rows.end(), static_cast<size_t>(image.num_crops), row);
  for (const int64_t position : image.token_positions) {
    batch.token_positions.push_back(position < batch.sequence_length ? position : kCutOff);
  }
}

}  // namespace

Batch collate(std::span<const Example> examples, const CollateOptions& options) {
  Batch batch;
  batch.num_rows = static_cast<int64_t>(examples.size());
  bool has_subsegments = false;
  for (const Example& example : examples) {
    batch.sequence_length = std::max(batch.sequence_length, static_cast<int64_t>(example.input_tokens.size()));
    has_subsegments |= !example.subsegment_ids.empty();
  }
  batch.sequence_length =
      options.pad_to_max ? options.sequence_length : std::min(batch.sequence_length, options.sequence_length);
  const auto num_values = static_cast<size_t>(batch.num_rows * batch.sequence_length);
  for (auto* array : {&batch.input_ids, &batch.labels, &batch.position_ids, &batch.token_streams})
    array->assign(num_values, kPadding);
  if (has_subsegments) batch.subsegment_ids.assign(num_values, kPadding);
  batch.loss_masks.assign(num_values, -1.0f);
  size_t num_floats = 0, num_bytes = 0;
  for (const Example& example : examples) {
    for (const ImageInputs& image : example.images)
      num_floats += image.patches.size(), num_bytes += image.byte_patches.size();
  }
  batch.patches.reserve(num_floats);
  batch.byte_patches.reserve(num_bytes);

  for (int64_t row = 0; row < batch.num_rows; ++row) {
    const Example& example = examples[static_cast<size_t>(row)];
    place_row(batch.input_ids, row, batch.sequence_length, example.input_tokens);
    place_row(batch.labels, row, batch.sequence_length, example.target_tokens);
    place_row(batch.position_ids, row, batch.sequence_length, example.position_ids);
    place_row(batch.loss_masks, row, batch.sequence_length, example.loss_masks);
    place_row(batch.token_streams, row, batch.sequence_length, token_streams(example));
    if (has_subsegments) {
      const bool is_packed = !example.subsegment_ids.empty();
      place_row(batch.subsegment_ids, row, batch.sequence_length,
                is_packed ? example.subsegment_ids : std::vector<int64_t>(example.input_tokens.size(), 1));
    }
    int64_t stream = first_stream(example);
    for (const ImageInputs& image : example.images) {
      append_image(batch, row, image, example.streams.empty() ? stream : image.stream);
      stream += image.num_crops;
    }
  }
  MOLMO_CHECK(
      batch.image_masks.empty() || batch.image_masks.size() == static_cast<size_t>(batch.num_crops * batch.num_patches),
      "padding masks for some crops only");
  return batch;
}

}  // namespace molmo::preprocess
