// Activation checkpointing of a model that this process holds whole: some units keep their inputs alone and run again
// in backward. (Sharded models do it in their own runner, distributed/sharded_params.h.)
//   RecomputingRunner runner([](const Unit& unit) { return unit.block.has_value(); });
//   { const ScopedUnitRunner scope(runner);  loss = model(...);  loss.backward(); }
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tensor/run_unit.h"

namespace molmo {

/// Must outlive the graphs of the passes that it runs. Gradients come to the parameters' grad(), as without it.
class RecomputingRunner : public UnitRunner {
 public:
  explicit RecomputingRunner(std::function<bool(const Unit&)> recomputes);
  ~RecomputingRunner() override;

  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override;

 private:
  class WholeWeights;
  std::function<bool(const Unit&)> recomputes_;
  std::map<std::string, std::unique_ptr<WholeWeights>> by_unit_;
};

}  // namespace molmo
