// One preprocessed example and one collated batch: what the loader hands to training, and generation to the model.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/default_init.h"
#include "image/normalize.h"

namespace molmo::preprocess {

/// The crops of one picture, overview first, with the place of every pooled token. Facts: spec/preprocess.md §2.
struct ImageInputs {
  int num_crops = 0;                        ///< T: overview + tiles
  int num_patches = 0;                      ///< N per crop
  int patch_values = 0;                     ///< 3 p^2
  int num_cells = 0;                        ///< P pooled tokens per crop
  DefaultInitVector<float> patches;         ///< [T, N, 3p^2], normalised; or empty
  DefaultInitVector<uint8_t> byte_patches;  ///< [T, N, 3p^2], to be divided by 255 and normalised; or empty
  image::Normalization normalization;
  std::vector<float> masks;  ///< [T, N] share of picture per patch, or empty. PARITY: rows lag one crop (trap T1)
  std::vector<int64_t> token_positions;  ///< [T, P] position in the sequence; negative: discarded
  std::vector<int64_t> tokens;           ///< the image block (without BOS)
  int64_t stream = 0;                    ///< of the first crop, in a packed example
};

/// Token-level arrays of one example, all of length L. Facts: spec/preprocess.md §3.
struct Example {
  std::vector<int64_t> input_tokens;   ///< BOS + sequence, shifted
  std::vector<int64_t> target_tokens;  ///< token predicted at each position; -1 after an inference prompt
  std::vector<float> loss_masks;       ///< weight of each target; -1 after an inference prompt
  std::vector<int64_t> position_ids;
  std::vector<int64_t> subsegment_ids;           ///< empty unless several annotations share the image
  std::vector<ImageInputs> images;               ///< token_positions count the BOS; empty for text only
  std::vector<std::pair<int, int>> image_sizes;  ///< (width, height) of each picture
  int64_t num_image_tokens = 0;
  int64_t number = 0;            ///< place in the stream of all ranks of a run
  std::vector<int64_t> streams;  ///< [L] in a packed example: token_streams() of its parts
};

/// What the random numbers of a token are drawn by (dropout): the example's number and the place in it, whatever row it
/// ends up in. Crops have streams of their own, which count from first_stream() on.
std::vector<int64_t> token_streams(const Example& example);  // [L]
int64_t first_stream(const Example& example);

/// A batch over a flat list of crops: padding crops never exist. Rows are right-padded to S.
struct Batch {
  int64_t num_rows = 0;                 ///< B
  int64_t sequence_length = 0;          ///< S
  std::vector<int64_t> input_ids;       ///< [B, S], -1 = padding
  std::vector<int64_t> labels;          ///< [B, S], -1 = none
  std::vector<int64_t> position_ids;    ///< [B, S], -1 at padding
  std::vector<int64_t> subsegment_ids;  ///< [B, S] or empty, -1 at padding
  std::vector<float> loss_masks;        ///< [B, S], -1 at padding
  int64_t num_crops = 0;                ///< C
  int64_t num_patches = 0, patch_values = 0, num_cells = 0;
  DefaultInitVector<float> patches;         ///< [C, N, 3p^2], normalised; or empty
  DefaultInitVector<uint8_t> byte_patches;  ///< [C, N, 3p^2], to be divided by 255 and normalised; or empty
  image::Normalization normalization;
  std::vector<float> image_masks;        ///< [C, N] or empty
  std::vector<int64_t> token_streams;    ///< [B, S], -1 at padding
  std::vector<int64_t> crop_streams;     ///< [C]
  std::vector<int64_t> crop_rows;        ///< [C] row that the crop belongs to
  std::vector<int64_t> token_positions;  ///< [C, P] position in that row; negative: discarded
};

}  // namespace molmo::preprocess
