// A mixture of SwiGLU experts: every token goes through the experts that its router rates highest, none is dropped, and
// the cost follows the experts that are used. Facts: spec/model.md §2.11 (moe).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/param_set.h"

namespace molmo::nn {

struct MixtureSizes {
  int64_t width = 0;              ///< D
  int64_t hidden = 0;             ///< F of one expert
  int64_t num_experts = 0;        ///< E
  int64_t experts_per_token = 0;  ///< k
};

/// What a router decided for T tokens.
struct Routing {
  Tensor logits;   // [T, E] float32
  Tensor probs;    // [T, E] float32: softmax over all experts
  Tensor weights;  // [T, k] float32: the k highest. PARITY: they are not scaled to a sum of 1 (trap T15)
  Tensor experts;  // [T, k] int64, most probable first
};

/// How the experts' matrix products are made: all experts' in one call, whose sizes stay on the device, or expert by
/// expert over the rows that each has got.
enum class ExpertProducts { kGrouped, kOneByOne };

class Mixture {
 public:
  Mixture() = default;
  /// Router "router.layer.weight" [E, D] and stacked experts "experts.mlp.{w1,v1,w2}" [E*F, D]: gate, up and,
  /// transposed, down.
  Mixture(const MixtureSizes& sizes, Init init, const ParamScope& scope);

  Routing route(const Tensor& tokens, at::ScalarType compute) const;  // [T, D]
  /// Grouped on a GPU in bfloat16, else one by one.
  Tensor operator()(const Tensor& tokens, const Routing& routing, at::ScalarType compute) const;  // [T, D] -> [T, D]
  Tensor run(const Tensor& tokens, const Routing& routing, at::ScalarType compute, ExpertProducts products) const;

 private:
  Tensor experts(const Param& param) const;  // [E, F, D]
  // Rows sorted by expert, so many for each: [T*k, D], [E] -> [T*k, D].
  Tensor run_grouped(const Tensor& rows, const Tensor& counts) const;
  Tensor run_one_by_one(const Tensor& rows, const Tensor& counts) const;

  MixtureSizes sizes_;
  Param router_, w1_, v1_, w2_;
};

/// sum over experts of (choices of the expert) * (its mean probability): least where tokens spread evenly.
Tensor load_balance(const Routing& routing);  // -> []

/// sum over tokens of (log sum exp of the logits)^2.
Tensor router_z(const Routing& routing);  // -> []

}  // namespace molmo::nn
