// Which parts of a pass belong to which units of a model.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/run_unit.h"

namespace molmo::train {

/// Units of one kind: all blocks of the tower, all of the decoder, or a single one.
struct UnitSpan {
  std::string name;  ///< with a * in place of a block's number
  int count = 0;
  std::vector<std::pair<size_t, size_t>> forward, backward;  ///< from mark to mark, one for each run
};

/// Sets a mark where a unit's forward and backward begin and end: of a stopwatch, of a recording. Install it on the
/// thread of a pass without sharding and recomputation:
///   UnitSpans spans([&] { return watch.mark(); });
///   { const ScopedUnitRunner scope(spans);  loss = model(...);  loss.backward(); }
///   for (const UnitSpan& unit : spans.finish()) ...
/// A unit's backward lasts from the gradient of its output to that of the next unit's, so that it holds what lies
/// between the two.
class UnitSpans : public UnitRunner {
 public:
  explicit UnitSpans(std::function<size_t()> mark) : mark_(std::move(mark)) {}

  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override;

  /// Call it once, after the backward pass: the last unit's lasts until then. In the order of the forward pass.
  std::vector<UnitSpan> finish();

 private:
  size_t index_of(const Unit& unit);

  std::function<size_t()> mark_;
  std::vector<UnitSpan> units_;
  std::vector<std::pair<size_t, size_t>> backward_;  // unit, mark of its begin; in order
};

}  // namespace molmo::train
