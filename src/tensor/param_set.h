// Parameters of a model: an ordered registry of names and tensors. It replaces torch::nn::Module: modules are plain
// values that keep Param handles, and sharding, optimizer groups and checkpoints all walk one flat list.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tensor/param_role.h"
#include "tensor/tensor.h"

namespace molmo {

/// How a fresh parameter is filled.
struct Init {
  enum class Kind { kZeros, kOnes, kNormal, kTruncatedNormal, kXavierUniform } kind = Kind::kZeros;
  double std = 0.0;
  double cutoff = 0.0;  ///< kTruncatedNormal: absolute bound

  static Init zeros() { return {}; }
  static Init ones() { return {.kind = Kind::kOnes}; }
  static Init normal(double std) { return {.kind = Kind::kNormal, .std = std}; }
  static Init truncated(double std, double cutoff) {
    return {.kind = Kind::kTruncatedNormal, .std = std, .cutoff = cutoff};
  }
  static Init xavier() { return {.kind = Kind::kXavierUniform}; }
};

/// One entry. `value` may be on the meta device until ParamSet::materialize.
struct Parameter {
  std::string name;
  ParamRole role;
  Init init;
  Tensor value;
};

/// The value that `seed` gives a fresh parameter, in float32 on the CPU. It depends on seed and name only, so that
/// ranks initialise their own parameters alone, and adding a parameter changes no other.
Tensor initial_value(const Parameter& param, uint64_t seed);

/// A module's handle of one parameter. It stays valid when the value is replaced (materialised, sharded, cast), which
/// is why modules hold these and not tensors.
class Param {
 public:
  Param() = default;
  explicit Param(const Parameter* entry) : entry_(entry) {}
  bool defined() const { return entry_ != nullptr; }
  const Tensor& value() const { return entry_->value; }
  const std::string& name() const { return entry_->name; }
  const Parameter* entry() const { return entry_; }

 private:
  const Parameter* entry_ = nullptr;
};

class ParamSet {
 public:
  ParamSet() = default;
  ParamSet(const ParamSet&) = delete;
  ParamSet& operator=(const ParamSet&) = delete;

  /// Registers a float32 parameter on the meta device: nothing is allocated. A name can be used once.
  Param add(const std::string& name, IntArrayRef shape, Init init, ParamRole role = {});

  const std::deque<Parameter>& all() const { return entries_; }
  std::deque<Parameter>& all() { return entries_; }
  Parameter* find(const std::string& name);
  const Parameter* find(const std::string& name) const;

  int64_t num_values() const;  ///< total number of parameter values

  /// Gives every meta parameter its initial_value() on `device`.
  void materialize(at::Device device, uint64_t seed);

  /// Turns gradients on for the parameters that satisfy `is_trained`, and off for the others.
  template <class Predicate>
  void set_trained(const Predicate& is_trained) {
    for (Parameter& entry : entries_) entry.value.set_requires_grad(is_trained(std::as_const(entry)));
  }

 private:
  std::deque<Parameter> entries_;  // addresses stay valid
  std::map<std::string, Parameter*> by_name_;
};

/// A name prefix into a ParamSet, handed down through constructors; checkpoint names equal member paths. It also hands
/// down what a module cannot know of its own parameters: the part of the model that they are.
///
///   embedding_ = scope.at(ParamPlace::kEmbedding).add("wte.weight", {V, D}, Init::normal(0.02), ParamKind::kTable);
class ParamScope {
 public:
  explicit ParamScope(ParamSet& set, std::string prefix = "") : set_(&set), prefix_(std::move(prefix)) {}

  /// The scope `prefix.name`.
  ParamScope operator/(const std::string& name) const {
    return with([&](ParamScope& s) { s.prefix_ = path(name); });
  }

  /// The same scope for parameters of a component, at a place, or with weight decay whatever their kind.
  ParamScope of(Component component) const {
    return with([&](ParamScope& s) { s.component_ = component; });
  }
  ParamScope at(ParamPlace place) const {
    return with([&](ParamScope& s) { s.place_ = place; });
  }
  ParamScope decaying() const {
    return with([&](ParamScope& s) { s.is_decaying_ = true; });
  }

  Param add(const std::string& name, IntArrayRef shape, Init init, ParamKind kind) const {
    return set_->add(
        path(name), shape, init,
        {.kind = kind, .component = component_, .place = place_, .decays = is_decaying_ || decays_by_default(kind)});
  }
  const std::string& prefix() const { return prefix_; }
  Component component() const { return component_; }

  /// The parameters registered so far whose names lie below this scope, in order.
  std::vector<Param> params() const;

 private:
  template <class Change>
  ParamScope with(const Change& change) const {
    ParamScope copy = *this;
    change(copy);
    return copy;
  }
  std::string path(const std::string& name) const { return prefix_.empty() ? name : prefix_ + "." + name; }

  ParamSet* set_;
  std::string prefix_;
  Component component_ = Component::kLlm;
  ParamPlace place_ = ParamPlace::kElsewhere;
  bool is_decaying_ = false;
};

}  // namespace molmo
