// Which units of a model the time of a pass goes to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tensor/run_unit.h"
#include "tensor/stopwatch.h"

namespace molmo::train {

/// Units of one kind: all blocks of the tower, all of the decoder, or a single one.
struct UnitTime {
  std::string name;  ///< with a * in place of a block's number
  int count = 0;
  double forward_seconds = 0.0, backward_seconds = 0.0;  ///< of all of them
};

/// Install it on the thread of a pass without sharding and recomputation:
///   UnitTimes times(device);
///   { const ScopedUnitRunner scope(times);  loss = model(...);  loss.backward(); }
///   for (const UnitTime& unit : times.finish()) ...
/// A unit's backward lasts from the gradient of its output to that of the next unit's, so that it holds what lies
/// between the two.
class UnitTimes : public UnitRunner {
 public:
  explicit UnitTimes(at::Device device) : watch_(device) {}

  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override;

  /// Call it once, after the backward pass: the last unit's lasts until then. In the order of the forward pass.
  std::vector<UnitTime> finish();

 private:
  struct Span {
    size_t unit, begin, end;  // of units_; marks
  };
  size_t index_of(const Unit& unit);

  tensor::Stopwatch watch_;
  std::vector<UnitTime> units_;
  std::vector<Span> forward_, backward_;  // ends of backward_ are set by finish()
};

}  // namespace molmo::train
