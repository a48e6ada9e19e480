// SPDX-License-Identifier: Apache-2.0
#include "tensor/recompute.h"

#include "tensor/ops.h"
#include "tensor/unit_pass.h"

namespace molmo {

// They are always there.
class RecomputingRunner::WholeWeights : public UnitWeights {
 public:
  explicit WholeWeights(const Unit& unit) {
    for (const Param& param : unit.params)
      if (param.value().requires_grad()) trained_.push_back(param.value());
  }

  void acquire(Direction) override {}
  void release() override {}
  const TensorList& trained() const override { return trained_; }

  void add_gradients(const TensorList& gradients) override {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < gradients.size(); ++i) {
      const Tensor& gradient = gradients[i];
      if (!gradient.defined()) continue;
      Tensor& sum = trained_[i].mutable_grad();
      // A gradient that somebody else holds, too, is copied: it will be added to and scaled.
      constexpr int kOwners = 2;  // the list here and that of the pass
      const bool is_own = gradient.is_contiguous() && gradient.use_count() <= kOwners;
      sum = sum.defined() ? sum.add_(gradient) : is_own ? gradient : gradient.clone();
    }
  }

 private:
  TensorList trained_;
};

RecomputingRunner::RecomputingRunner(std::function<bool(const Unit&)> recomputes)
    : recomputes_(std::move(recomputes)) {}

RecomputingRunner::~RecomputingRunner() = default;

TensorList RecomputingRunner::run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) {
  if (!recomputes_(unit)) return function(inputs);
  std::unique_ptr<WholeWeights>& weights = by_unit_[unit.name];
  if (weights == nullptr) weights = std::make_unique<WholeWeights>(unit);
  return run_pass(*weights, inputs, function, /*recomputes=*/true);
}

}  // namespace molmo
