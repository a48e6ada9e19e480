// A unit's forward and backward as one node of autograd, so that its weights need be there only while it runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tensor/run_unit.h"

namespace molmo::distributed {

/// What a pass needs to know of the weights of a unit.
class UnitWeights {
 public:
  virtual ~UnitWeights() = default;
  enum class Direction { kForward, kBackward };
  virtual void acquire(Direction direction) = 0;                ///< after it the weights are there
  virtual void release() = 0;                                   ///< they may go
  virtual const TensorList& trained() const = 0;                ///< the leaves that want gradients
  virtual void add_gradients(const TensorList& gradients) = 0;  ///< of trained(), undefined where there is none
};

/// Runs `function(inputs)` and hangs its backward into the graph of the caller. The inner graph is kept until then;
/// with `recomputes` only the inputs are kept, and `function` runs again in backward (activation checkpointing): it
/// must own what it captures and give the same result. `weights` must outlive the graph.
TensorList run_pass(UnitWeights& weights, const TensorList& inputs, const UnitFunction& function, bool recomputes);

}  // namespace molmo::distributed
