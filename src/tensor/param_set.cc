// SPDX-License-Identifier: Apache-2.0
#include "tensor/param_set.h"

#include "base/check.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo {
namespace {

// FNV-1a: gives every parameter its own stream.
uint64_t hash_name(const std::string& name, uint64_t seed) {
  uint64_t hash = 1469598103934665603ull ^ (seed * 0x9E3779B97F4A7C15ull);
  for (const unsigned char c : name) hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

// Redraws what falls outside: exact, and cheap since a cut-off is at least two deviations out.
void fill_truncated_normal(Tensor& value, const Init& init, at::Generator generator) {
  value.normal_(0.0, init.std, generator);
  for (;;) {
    const Tensor outside = value.abs() > init.cutoff;
    const int64_t num_outside = outside.sum().item<int64_t>();
    if (num_outside == 0) return;
    value.masked_scatter_(outside, at::empty({num_outside}, value.options()).normal_(0.0, init.std, generator));
  }
}

void fill(Tensor& value, const Init& init, uint64_t seed) {
  const at::Generator generator = make_generator(seed);
  switch (init.kind) {
    case Init::Kind::kZeros:
      value.zero_();
      break;
    case Init::Kind::kOnes:
      value.fill_(1.0);
      break;
    case Init::Kind::kNormal:
      value.normal_(0.0, init.std, generator);
      break;
    case Init::Kind::kTruncatedNormal:
      fill_truncated_normal(value, init, generator);
      break;
    case Init::Kind::kXavierUniform: {
      const double bound = std::sqrt(6.0 / static_cast<double>(value.size(0) + value.size(1)));
      value.uniform_(-bound, bound, generator);
      break;
    }
  }
}

}  // namespace

Tensor initial_value(const Parameter& param, uint64_t seed) {
  const at::NoGradGuard no_grad;
  Tensor value = at::empty(param.value.sizes(), at::kFloat);
  fill(value, param.init, hash_name(param.name, seed));
  return value;
}

Param ParamSet::add(const std::string& name, IntArrayRef shape, Init init, ParamRole role) {
  MOLMO_CHECK(!by_name_.contains(name), "parameter registered twice: " + name);
  entries_.push_back({name, role, init, at::empty(shape, at::TensorOptions().device(at::kMeta).dtype(at::kFloat))});
  by_name_[name] = &entries_.back();
  return Param(&entries_.back());
}

Parameter* ParamSet::find(const std::string& name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const Parameter* ParamSet::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

int64_t ParamSet::num_values() const {
  int64_t total = 0;
  for (const Parameter& entry : entries_) total += entry.value.numel();
  return total;
}

void ParamSet::materialize(at::Device device, uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (Parameter& entry : entries_) {
    if (!entry.value.is_meta()) continue;
    entry.value = initial_value(entry, seed).to(device);
  }
}

std::vector<Param> ParamScope::params() const {
  std::vector<Param> found;
  const std::string below = prefix_ + ".";
  for (const Parameter& entry : set_->all()) {
    if (entry.name == prefix_ || entry.name.starts_with(below)) found.emplace_back(&entry);
  }
  return found;
}

}  // namespace molmo
