// SPDX-License-Identifier: Apache-2.0
#include "train/unit_spans.h"

#include <algorithm>
#include <memory>

#include "tensor/ops.h"

namespace molmo::train {
namespace {

std::string kind_of(const Unit& unit) {
  return unit.block ? unit.name.substr(0, unit.name.rfind('.')) + ".*" : unit.name;
}

}  // namespace

size_t UnitSpans::index_of(const Unit& unit) {
  const std::string name = kind_of(unit);
  const auto found = std::find_if(units_.begin(), units_.end(), [&](const UnitSpan& own) { return own.name == name; });
  if (found == units_.end()) {
    units_.push_back({.name = name});
    return units_.size() - 1;
  }
  return static_cast<size_t>(found - units_.begin());
}

TensorList UnitSpans::run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) {
  const size_t index = index_of(unit);
  ++units_[index].count;
  const size_t begin = mark_();
  const TensorList outputs = function(inputs);
  units_[index].forward.emplace_back(begin, mark_());
  const auto has_begun = std::make_shared<bool>(false);  // backward of this run: with the first of its gradients
  for (const Tensor& output : outputs) {
    if (!output.defined() || !output.requires_grad()) continue;
    output.register_hook([this, index, has_begun](const Tensor&) {
      if (!std::exchange(*has_begun, true)) backward_.emplace_back(index, mark_());
    });
  }
  return outputs;
}

std::vector<UnitSpan> UnitSpans::finish() {
  const size_t last = mark_();
  for (size_t i = 0; i < backward_.size(); ++i) {
    const auto [unit, begin] = backward_[i];
    units_[unit].backward.emplace_back(begin, i + 1 < backward_.size() ? backward_[i + 1].second : last);
  }
  return units_;
}

}  // namespace molmo::train
