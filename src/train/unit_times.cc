// SPDX-License-Identifier: Apache-2.0
#include "train/unit_times.h"

#include <algorithm>
#include <memory>

#include "tensor/ops.h"

namespace molmo::train {
namespace {

std::string kind_of(const Unit& unit) {
  return unit.block ? unit.name.substr(0, unit.name.rfind('.')) + ".*" : unit.name;
}

}  // namespace

size_t UnitTimes::index_of(const Unit& unit) {
  const std::string name = kind_of(unit);
  const auto found = std::find_if(units_.begin(), units_.end(), [&](const UnitTime& own) { return own.name == name; });
  if (found == units_.end()) {
    units_.push_back({.name = name});
    return units_.size() - 1;
  }
  return static_cast<size_t>(found - units_.begin());
}

TensorList UnitTimes::run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) {
  const size_t index = index_of(unit);
  ++units_[index].count;
  const size_t begin = watch_.mark();
  const TensorList outputs = function(inputs);
  forward_.push_back({index, begin, watch_.mark()});
  const auto has_begun = std::make_shared<bool>(false);  // backward of this run: with the first of its gradients
  for (const Tensor& output : outputs) {
    if (!output.defined() || !output.requires_grad()) continue;
    output.register_hook([this, index, has_begun](const Tensor&) {
      if (!std::exchange(*has_begun, true)) backward_.push_back({index, watch_.mark(), 0});
    });
  }
  return outputs;
}

std::vector<UnitTime> UnitTimes::finish() {
  const size_t last = watch_.mark();
  for (size_t i = 0; i < backward_.size(); ++i)
    backward_[i].end = i + 1 < backward_.size() ? backward_[i + 1].begin : last;
  for (const Span& span : forward_) units_[span.unit].forward_seconds += watch_.seconds(span.begin, span.end);
  for (const Span& span : backward_) units_[span.unit].backward_seconds += watch_.seconds(span.begin, span.end);
  return units_;
}

}  // namespace molmo::train
