// A unit's forward and backward as one node of autograd, so that its weights need to be in memory only while it runs.
//
// Autograd would keep a unit's weights from its forward to its backward, because its nodes save them. Here the caller's
// graph sees one node; the unit's own graph hangs inside it, and acquire() and release() bracket both of its runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tensor/run_unit.h"

namespace molmo {

/// The weights of a unit, as a pass sees them.
class UnitWeights {
 public:
  virtual ~UnitWeights() = default;
  enum class Direction { kForward, kBackward };
  virtual void acquire(Direction direction) = 0;                ///< on return the weights are gathered
  virtual void release() = 0;                                   ///< they may be freed
  virtual const TensorList& trained() const = 0;                ///< the leaves that require gradients
  virtual void add_gradients(const TensorList& gradients) = 0;  ///< of trained(), undefined where there is none
};

/// Runs `function(inputs)` and makes its backward one node of the caller's graph. The unit's own graph is kept until
/// then; with `recomputes` only the inputs are kept, and `function` runs again in backward (activation checkpointing):
/// it must own what it captures and give the same result both times. `weights` must outlive the graph.
TensorList run_pass(UnitWeights& weights, const TensorList& inputs, const UnitFunction& function, bool recomputes);

}  // namespace molmo
