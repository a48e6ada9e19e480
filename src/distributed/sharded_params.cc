// SPDX-License-Identifier: Apache-2.0
#include "distributed/sharded_params.h"

#include <algorithm>

#include "base/check.h"
#include "tensor/ops.h"

namespace molmo::distributed {

/// The parameters of a unit, in one flat array for each gathered dtype, trained and frozen apart: a frozen one needs no
/// gradient buffer and is not reduced.
class ShardedParams::ShardedUnit : public UnitWeights {
 public:
  ShardedUnit(ShardedParams& owner, const Unit& unit, const std::vector<Parameter*>& params) : owner_(owner) {
    std::map<std::pair<at::ScalarType, bool>, std::vector<Parameter*>> parts;
    const ShardOptions& options = owner.options_;
    const at::ScalarType master = c10::typeMetaToScalarType(options.master.dtype());
    for (Parameter* param : params) {
      const at::ScalarType gathered = param->role.kind == ParamKind::kMatrix ? options.compute : master;
      parts[{gathered, param->value.requires_grad()}].push_back(param);
    }
    for (const auto& [kind, members] : parts) {
      flats_.push_back(
          std::make_unique<FlatParams>(unit.name, members, kind.second, kind.first, options.master, owner.mesh_));
      if (!kind.second) continue;
      const FlatParams& flat = *flats_.back();
      trained_.insert(trained_.end(), flat.leaves().begin(), flat.leaves().end());
    }
  }

  void acquire(Direction direction) override { owner_.acquire(*this, direction); }
  void release() override { owner_.release(*this); }
  const TensorList& trained() const override { return trained_; }
  void add_gradients(const TensorList& gradients) override { owner_.add_gradients(*this, gradients); }

  const std::vector<std::unique_ptr<FlatParams>>& flats() const { return flats_; }

  void start_gather() {
    is_live_ = true;
    for (const auto& flat : flats_) flat->start_gather();
  }
  void finish_gather() {
    is_live_ = true;
    for (const auto& flat : flats_) flat->finish_gather();
  }
  void free() {
    is_live_ = false;
    for (const auto& flat : flats_) flat->free();
  }
  bool is_live() const { return is_live_; }

  void reduce(const TensorList& gradients, bool defers) {
    auto next = gradients.begin();
    for (const auto& flat : flats_) {
      if (!flat->are_trained()) continue;
      const auto end = next + static_cast<ptrdiff_t>(flat->leaves().size());
      flat->reduce(TensorList(next, end), defers);
      next = end;
    }
  }
  void sum_over_replicas() {
    for (const auto& flat : flats_) flat->sum_over_replicas();
  }
  void finish_reduce() {
    for (const auto& flat : flats_) flat->finish_reduce();
  }

 private:
  ShardedParams& owner_;
  std::vector<std::unique_ptr<FlatParams>> flats_;
  TensorList trained_;
  bool is_live_ = false;
};

ShardedParams::ShardedParams(const std::vector<ParamSet*>& sets, const std::vector<Unit>& units, const Mesh& mesh,
                             ShardOptions options)
    : mesh_(mesh), options_(std::move(options)) {
  size_t num_params = 0;
  for (const Unit& unit : units) {
    if (by_unit_.contains(unit.name)) continue;  // of tied weights
    std::vector<Parameter*> params;
    for (const Param& param : unit.params) {
      Parameter* entry = nullptr;
      for (ParamSet* set : sets) entry = entry != nullptr ? entry : set->find(param.name());
      MOLMO_CHECK(entry != nullptr, "unit with a parameter of another model: " + param.name());
      params.push_back(entry);
    }
    num_params += params.size();
    units_.push_back(std::make_unique<ShardedUnit>(*this, unit, params));
    by_unit_[unit.name] = units_.back().get();
    for (const auto& flat : units_.back()->flats()) {
      for (size_t i = 0; i < flat->params().size(); ++i) {
        const Parameter& param = *flat->params()[i];
        slices_.add(param.name, {0}, param.init, param.role);
        slices_.find(param.name)->value = flat->slice(i);
        by_param_[param.name] = {flat.get(), i};
      }
    }
  }
  for (const ParamSet* set : sets) num_params -= std::min(num_params, set->all().size());
  MOLMO_CHECK(num_params == 0, "parameters outside the units, or in several");
}

ShardedParams::~ShardedParams() = default;

const ShardedParams::Place& ShardedParams::place(const std::string& name) const {
  const auto found = by_param_.find(name);
  MOLMO_CHECK(found != by_param_.end(), "no sharded parameter " + name);
  return found->second;
}

int64_t ShardedParams::slice_begin(const std::string& name) const {
  const Place& at = place(name);
  return at.flat->slice_begin(at.index);
}

void ShardedParams::store(const std::string& name, const Tensor& value) {
  const Place& at = place(name);
  MOLMO_CHECK(value.sizes() == at.flat->leaves()[at.index].sizes(), "shape of " + name);
  at.flat->store(at.index, 0, value);
}

void ShardedParams::store(const std::string& name, int64_t begin, const Tensor& values) {
  const Place& at = place(name);
  at.flat->store(at.index, begin, values);
}

void ShardedParams::gather(const std::function<void(const std::string& name, const Tensor& value)>& visit) const {
  for (const auto& unit : units_) {
    for (const auto& flat : unit->flats()) {
      const std::vector<Tensor> values = flat->gather_values();
      for (size_t i = 0; i < values.size(); ++i) visit(flat->params()[i]->name, values[i]);
    }
  }
}

TensorList ShardedParams::run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) {
  if (unit.params.empty()) return function(inputs);
  return run_pass(sharded_unit(unit), inputs, function, options_.recomputes && options_.recomputes(unit));
}

ShardedParams::ShardedUnit& ShardedParams::sharded_unit(const Unit& unit) const {
  const auto found = by_unit_.find(unit.name);
  MOLMO_CHECK(found != by_unit_.end(), "no sharded unit " + unit.name);
  return *found->second;
}

int ShardedParams::index_of(const Unit& unit) const {
  const ShardedUnit& wanted = sharded_unit(unit);
  const auto found = std::find_if(units_.begin(), units_.end(), [&](const auto& own) { return own.get() == &wanted; });
  return static_cast<int>(found - units_.begin());
}

void ShardedParams::take_part(int unit) {
  ShardedUnit& other = *units_.at(static_cast<size_t>(unit));
  acquire(other, Direction::kForward);
  release(other);
}

int ShardedParams::num_live() const {
  return static_cast<int>(
      std::count_if(units_.begin(), units_.end(), [](const auto& unit) { return unit->is_live(); }));
}

// Units that were prefetched for another order than the pass has taken (a text after a picture, a backward after a
// forward) would keep their memory, and count against `most_live`, until they run. Units run one at a time: none is in
// use.
void ShardedParams::free_strays(const ShardedUnit& wanted, Direction direction) {
  const auto d = static_cast<size_t>(direction);
  const bool was_foreseen = direction == direction_ && latest_[d] != nullptr && next_[d][latest_[d]] == &wanted;
  direction_ = direction;
  if (was_foreseen) return;
  for (const auto& unit : units_) {
    if (unit.get() != &wanted) unit->free();
  }
}

void ShardedParams::acquire(ShardedUnit& unit, Direction direction) {
  const auto d = static_cast<size_t>(direction);
  free_strays(unit, direction);
  if (latest_[d] != nullptr) next_[d][latest_[d]] = &unit;
  latest_[d] = &unit;
  unit.start_gather();
  ShardedUnit* next = next_[d][&unit];
  // Counted: units with tied weights run twice in a pass, and their successors go round in a circle.
  for (int ahead = 1; ahead < options_.most_live && next != nullptr && num_live() < options_.most_live; ++ahead) {
    next->start_gather();
    next = next_[d][next];
  }
  unit.finish_gather();
}

void ShardedParams::release(ShardedUnit& unit) { unit.free(); }

void ShardedParams::add_gradients(ShardedUnit& unit, const TensorList& gradients) {
  // At most one reduce-scatter is in flight, since each holds a whole unit's gradient; the sum over replicas of a
  // unit's shard, which crosses slower links, has the time of two more units' backward.
  if (reducing_ != nullptr && reducing_ != &unit) {
    reducing_->sum_over_replicas();
    if (summing_[1] != nullptr) summing_[1]->finish_reduce();
    summing_ = {reducing_, summing_[0]};
  }
  const bool defers = options_.defers_reduction && !is_last_pass_;
  unit.reduce(gradients, defers);
  reducing_ = defers ? nullptr : &unit;
}

void ShardedParams::begin_pass(bool is_last) {
  is_last_pass_ = is_last;
  free_all();
  for (ShardedUnit*& latest : latest_) latest = nullptr;
}

// A parameter has a gradient if it has one on any rank: AdamW must update or skip it everywhere alike.
void ShardedParams::agree_on_gradients() {
  std::vector<double> counts;
  const auto for_each = [&](const auto& visit) {
    size_t at = 0;
    for (const auto& unit : units_) {
      for (const auto& flat : unit->flats()) {
        for (size_t i = 0; i < flat->has_gradient().size(); ++i, ++at) visit(flat->has_gradient()[i], at);
      }
    }
  };
  for_each([&](bool has, size_t) { counts.push_back(has ? 1.0 : 0.0); });
  constexpr const char* kSubject = "which parameters have gradients";
  if (mesh_.hosts != nullptr) {
    mesh_.hosts->sum(counts, kSubject);
  } else {
    mesh_.shard->sum(counts, kSubject);
    mesh_.replicas->sum(counts, kSubject);
  }
  for_each([&](auto&& has, size_t at) { has = counts[at] > 0; });
}

void ShardedParams::finish_step() {
  free_all();  // prefetched, and not used
  for (const auto& unit : units_) {
    for (const auto& flat : unit->flats()) {
      if (flat->has_deferred()) flat->reduce(TensorList(flat->leaves().size()), /*defers=*/false);
      flat->finish_reduce();
    }
  }
  reducing_ = nullptr;
  summing_ = {};
  agree_on_gradients();
  for (const auto& unit : units_) {
    for (const auto& flat : unit->flats()) flat->publish_gradients();
  }
}

void ShardedParams::free_all() {
  for (const auto& unit : units_) unit->free();
}

void ShardedParams::clear_gradients() {
  for (const auto& unit : units_) {
    for (const auto& flat : unit->flats()) flat->clear_gradients();
  }
}

}  // namespace molmo::distributed
