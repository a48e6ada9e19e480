// Model inputs as tensors: rows of tokens and a flat list of crops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "config/model_config.h"
#include "preprocess/example.h"
#include "tensor/sequence_attention.h"

namespace molmo::model {

/// Padding crops do not exist here: pictures of different rows follow one another, text-only rows have none.
struct ModelInputs {
  Tensor input_ids;       // [B, S] int64, -1 = right padding
  Tensor position_ids;    // [B, S] int64 or undefined (then derived from input_ids)
  Tensor subsegment_ids;  // [B, S] int64 or undefined: several annotations of one image in a row
  std::shared_ptr<const tensor::SequencePlan> sequences;  // of the rows, on a GPU: plan_rows()
  Tensor is_response;      // [B, S] bool or undefined: positions whose target is a response token
  Tensor patches;          // [C, N, 3p^2] float32 or undefined: normalised pixels
  Tensor image_masks;      // [C, N] float32 or undefined: share of picture per patch
  Tensor token_streams;    // [B, S] int64 or undefined: what dropout draws by (preprocess::token_streams)
  Tensor crop_streams;     // [C] int64 or undefined
  Tensor crop_rows;        // [C] int64: row of each crop
  Tensor token_positions;  // [C, P] int64: position of each pooled token in its row; negative = discarded
  Tensor placed;           // [M] int64 or undefined: places in token_positions, flattened, that are not negative
};

/// What the loss compares with, beside the inputs.
struct ModelTargets {
  Tensor labels;   // [B, S] int64, -1 = none
  Tensor weights;  // [B, S] float32, <= 0 = not counted
  // What the host knows of the weights without asking a GPU: make_targets().
  Tensor counted;                    // [M] int64 or undefined: places in weights, flattened, that are counted
  std::optional<double> weight_sum;  // of them
};

/// Copies a collated batch to `device`.
ModelInputs make_inputs(const preprocess::Batch& batch, at::Device device);
ModelTargets make_targets(const preprocess::Batch& batch, at::Device device);

/// The same of labels and weights [B, S] on the CPU.
ModelTargets make_targets(const Tensor& labels, const Tensor& weights, at::Device device);

/// Places that are not negative, on `device`: ModelInputs::placed of token positions on the CPU.
Tensor placed_tokens(const Tensor& token_positions, at::Device device);

/// How rows are attended to sequence by sequence, without their padding: ids [B, S] and `segments` (undefined: each row
/// is one) lie on the CPU, the plan on `device`.
std::shared_ptr<const tensor::SequencePlan> plan_rows(const Tensor& ids, const Tensor& segments, at::Device device);

/// One row of one padding token.
ModelInputs padding_inputs(at::Device device);

/// Gives inputs without pictures one crop of padding, of which no cell is placed.
void add_padding_crop(ModelInputs& inputs, const config::ModelConfig& config);

}  // namespace molmo::model
