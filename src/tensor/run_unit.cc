// SPDX-License-Identifier: Apache-2.0
#include "tensor/run_unit.h"

namespace molmo {
namespace {
thread_local UnitRunner* current_runner = nullptr;
}

TensorList run_unit(const Unit& unit, const TensorList& inputs, const UnitFunction& function) {
  return current_runner == nullptr ? function(inputs) : current_runner->run(unit, inputs, function);
}

Tensor run_unit(const Unit& unit, const Tensor& input, const std::function<Tensor(const Tensor&)>& function) {
  if (current_runner == nullptr) return function(input);
  return current_runner->run(unit, {input},
                             [function](const TensorList& inputs) { return TensorList{function(inputs[0])}; })[0];
}

ScopedUnitRunner::ScopedUnitRunner(UnitRunner& runner) : previous_(current_runner) { current_runner = &runner; }
ScopedUnitRunner::~ScopedUnitRunner() { current_runner = previous_; }

}  // namespace molmo
