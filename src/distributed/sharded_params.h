// The parameters of a model, sharded unit by unit (ZeRO-3, as FSDP does it; docs/sharding.md draws it). A rank holds
// its slices and, one after another, the units that run. While one computes the next ones are gathered: the order of
// the last pass says which they are.
//
//   ShardedParams sharded({&molmo.params()}, molmo.units(), mesh, options);
//   sharded.store(name, value);                        // for every parameter, from files or from its Init
//   AdamW optimizer(make_groups(sharded.slices(), recipe), recipe);
//   const ScopedUnitRunner scope(sharded);             // now the model runs sharded
//   sharded.begin_pass(/*is_last=*/true);  loss.backward();  sharded.finish_step();
//   optimizer.update(...);  sharded.clear_gradients();
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <map>

#include "distributed/flat_params.h"
#include "tensor/unit_pass.h"

namespace molmo::distributed {

struct ShardOptions {
  at::TensorOptions master = at::kFloat;        ///< dtype and device of shards, gradients and the optimizer's state
  at::ScalarType compute = at::kFloat;          ///< dtype of gathered matrices; all else is gathered in the master's
  std::function<bool(const Unit&)> recomputes;  ///< units that are recomputed in backward; empty: none
  int most_live = 3;                            ///< units gathered or being gathered at a time
  bool defers_reduction = true;                 ///< accumulate unsharded gradients until the last micro-batch of a step
};

class ShardedParams : public UnitRunner {
 public:
  /// Takes over all parameters of `sets`, each of which belongs to one of `units`; those with requires_grad train.
  /// Values are lost (they may be on the meta device): shards start as zeros.
  ShardedParams(const std::vector<ParamSet*>& sets, const std::vector<Unit>& units, const Mesh& mesh,
                ShardOptions options);
  ~ShardedParams() override;

  /// What the optimizer sees: under each parameter's name this rank's slice of it, one-dimensional, possibly empty.
  ParamSet& slices() { return slices_; }
  /// Where a slice begins in the flattened parameter.
  int64_t slice_begin(const std::string& name) const;

  void store(const std::string& name, const Tensor& value);  ///< keeps this rank's slice of a whole value
  /// The same for values of the flattened parameter from `begin` on; what lies outside the slice is passed over.
  void store(const std::string& name, int64_t begin, const Tensor& values);
  /// Visits whole values in the dtype of the shards, a unit's at a time. A collective: every rank calls it.
  void gather(const std::function<void(const std::string& name, const Tensor& value)>& visit) const;

  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override;

  int num_units() const { return static_cast<int>(units_.size()); }
  int index_of(const Unit& unit) const;  ///< in the model's order
  void take_part(int unit);              ///< joins the all-gather of a unit that others run, and frees it

  int num_live() const;  ///< units gathered or being gathered; at most `most_live`

  void begin_pass(bool is_last);  ///< before a micro-batch; the last one of a step reduces the gradients
  void finish_step();  ///< after the last backward: gradients, summed over all ranks, are in the slices' grad()
  void clear_gradients();
  void free_all();  ///< frees what was gathered ahead, after passes without gradients

  const Mesh& mesh() const { return mesh_; }

 private:
  class ShardedUnit;
  struct Place {
    FlatParams* flat;
    size_t index;
  };
  using Direction = UnitWeights::Direction;

  void acquire(ShardedUnit& unit, Direction direction);
  void release(ShardedUnit& unit);
  void add_gradients(ShardedUnit& unit, const TensorList& gradients);
  void agree_on_gradients();
  void free_strays(const ShardedUnit& wanted, Direction direction);
  const Place& place(const std::string& name) const;
  ShardedUnit& sharded_unit(const Unit& unit) const;

  Mesh mesh_;
  ShardOptions options_;
  std::vector<std::unique_ptr<ShardedUnit>> units_;
  std::map<std::string, ShardedUnit*> by_unit_;
  std::map<std::string, Place> by_param_;
  ParamSet slices_;
  bool is_last_pass_ = true;
  // Which unit followed which, in forward and in backward: the order that prefetching assumes.
  std::map<const ShardedUnit*, ShardedUnit*> next_[2];
  ShardedUnit* latest_[2] = {nullptr, nullptr};
  Direction direction_ = Direction::kForward;  // of the latest unit
  ShardedUnit* reducing_ = nullptr;            // whose reduce-scatter is in flight
  std::array<ShardedUnit*, 2> summing_ = {};   // whose sums over replicas may be, the latest first
};

}  // namespace molmo::distributed
