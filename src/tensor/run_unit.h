// The unit seam. Every shardable part of the model (ViT block, connector, decoder block, embedding, head) runs through
// run_unit(). Gathering and freeing sharded weights, activation checkpointing, prefetching, offloading and profiling
// attach there and nowhere else; modules do not know about any of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tensor/param_set.h"

namespace molmo {

/// A part of the model that is gathered, recomputed and freed as a whole: small enough that two or three fit beside the
/// shards, large enough that gathering it is one efficient collective.
struct Unit {
  std::string name;           ///< prefix of its parameters, for example "model.transformer.blocks.3"
  std::vector<Param> params;  ///< empty for a unit without parameters of its own
  Component component = Component::kLlm;
  std::optional<int> block;  ///< its number, if it is one of the equal blocks of tower or decoder

  Unit() = default;
  explicit Unit(const ParamScope& scope, std::optional<int> block_number = {})
      : name(scope.prefix()), params(scope.params()), component(scope.component()), block(block_number) {}
};

using TensorList = std::vector<Tensor>;
using UnitFunction = std::function<TensorList(const TensorList& inputs)>;

/// Decides what happens around a unit's forward. Implementations call `function(inputs)` exactly once per forward (and
/// again in backward if they recompute).
class UnitRunner {
 public:
  virtual ~UnitRunner() = default;
  virtual TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) = 0;
};

/// Runs `function(inputs)` under the runner installed on this thread; without one it just calls it. A runner may call
/// the function again in backward, after its caller has returned: it must own what it captures.
TensorList run_unit(const Unit& unit, const TensorList& inputs, const UnitFunction& function);

/// The common case of one input and one output.
Tensor run_unit(const Unit& unit, const Tensor& input, const std::function<Tensor(const Tensor&)>& function);

/// Installs a runner on this thread for its lifetime.
class ScopedUnitRunner {
 public:
  explicit ScopedUnitRunner(UnitRunner& runner);
  ~ScopedUnitRunner();
  ScopedUnitRunner(const ScopedUnitRunner&) = delete;
  ScopedUnitRunner& operator=(const ScopedUnitRunner&) = delete;

 private:
  UnitRunner* previous_;
};

}  // namespace molmo
