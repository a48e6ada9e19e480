// Cross-entropy of a linear head without materialising its logits: [M, V] in float32 would be most of the memory of a
// training step (0.6 GB per thousand tokens with 152064 classes). Rows are processed in chunks, and a chunk's gradients
// are computed while its logits exist, so that backward() needs none of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::tensor {

/// The linear map before the softmax.
struct Head {
  Tensor weight;  // [V, D]
  Tensor bias;    // [V] or undefined
  double logit_divisor = 1.0;
};

struct CrossEntropyOptions {
  at::ScalarType compute = at::kFloat;  ///< of the matrix products; softmax and sums are float32 (float64 in float64)
  double z_loss_scale = 0.0;            ///< of the squared log-partition
  int64_t chunk_rows = 0;               ///< 0: chosen by the number of classes
};

/// Sums over rows, each weighted; all [] of x's precision.
struct CrossEntropySums {
  Tensor loss;           ///< cross_entropy + z_loss, differentiable by x, weight and bias
  Tensor cross_entropy;  ///< the parts and the weight of rows whose most probable class is the label: no gradients
  Tensor z_loss, accuracy;
};

/// Logits of a chunk: as many as do not count beside a model on that device. Each chunk reads and writes the gradient
/// of the whole weight, so that on a GPU, whose memory is larger and whose products want more rows, a chunk is larger,
/// too.
int64_t chunk_values(at::Device device);

/// `weights` are above 0. Gradients, where any is required, are computed in the forward; backward() scales them.
CrossEntropySums linear_cross_entropy(const Tensor& x, const Head& head, const Tensor& labels, const Tensor& weights,
                                      const CrossEntropyOptions& options);  // [M, D], [M] int64, [M]

}  // namespace molmo::tensor
