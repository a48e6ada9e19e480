// Parameters of one unit, laid one after another and cut into equal parts, one per rank (distributed/shard_layout.h).
//
// Between uses a rank holds its shard alone, in float32. start_gather() and finish_gather() all-gather the whole in the
// compute dtype, free() releases it, and reduce() reduce-scatters the gradients: each rank keeps the sum of its part.
//
// One flat array per unit, not one collective per parameter: a few large messages use the network better than hundreds
// of small ones. Parts are cut without regard to where a parameter ends, so every rank has the same amount of work.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "distributed/communicator.h"
#include "distributed/shard_layout.h"
#include "tensor/param_set.h"

namespace molmo::distributed {

/// The two groups of a rank: `shard`, the ranks that together hold the parameters once, and `replicas`, those that hold
/// the same shard as this one (hybrid sharding; else a group of one). `hosts` are all ranks of both, which agree on
/// facts of the CPU; without it the two groups do that in turn, and on a GPU wait for it.
struct Mesh {
  Communicator* shard = nullptr;
  Communicator* replicas = nullptr;
  Communicator* hosts = nullptr;
};

class FlatParams {
 public:
  /// Parameters that train together or not at all. Their values become leaves on the gathered memory, which is free
  /// until gather(): shapes and autograd see whole parameters. The shard starts as zeros.
  FlatParams(std::string name, std::vector<Parameter*> params, bool are_trained, at::ScalarType gathered,
             at::TensorOptions master, const Mesh& mesh);

  bool are_trained() const { return are_trained_; }
  const std::vector<Tensor>& leaves() const { return leaves_; }  ///< the parameters' values, in order

  /// Starts the all-gather asynchronously; finish_gather() waits for it, and starts it where nobody has.
  void start_gather();
  void finish_gather();
  void free();
  bool is_gathered() const { return state_ == State::kGathered; }

  /// Adds gradients (of leaves(), undefined where there is none) to those of this step, summed over all ranks. With
  /// `defers` they accumulate on this rank, unsharded, until a later call reduces them too; else the reduce-scatter has
  /// been started on return. sum_over_replicas() waits for that and starts the sum over replicas, finish_reduce() waits
  /// for both, and does what has not been done.
  void reduce(const std::vector<Tensor>& gradients, bool defers);
  void sum_over_replicas();
  void finish_reduce();
  bool has_deferred() const { return whole_gradient_.defined() && !reducing_; }

  /// This rank's part of parameter `index`: a one-dimensional leaf on the shard, possibly empty. The optimizer updates
  /// it.
  const Tensor& slice(size_t index) const { return slices_[index]; }
  /// Where that part begins in the flattened parameter.
  int64_t slice_begin(size_t index) const;
  /// Which parameters have a gradient in this step, by index. Ranks may differ (a rank without a picture runs no tower)
  /// until ShardedParams has made them agree.
  std::vector<bool>& has_gradient() { return has_gradient_; }
  /// Makes the summed gradients the slices' grad(), undefined where the parameter had none in this step.
  void publish_gradients();
  void clear_gradients();

  const std::vector<Parameter*>& params() const { return params_; }

  /// Copies what lies in this rank's part of `values`, which begin at `begin` of the flattened parameter.
  void store(size_t index, int64_t begin, const Tensor& values);
  /// The whole values in the dtype of the shards, for checkpoints: without the rounding of gather(). A collective.
  std::vector<Tensor> gather_values() const;

 private:
  enum class State { kFree, kComing, kGathered };

  ShardLayout::Range range(size_t index) const;  // of a parameter within this rank's shard
  void take(const std::vector<Tensor>& gradients);
  void accumulate(const std::vector<Tensor>& gradients);

  std::string name_;
  std::vector<Parameter*> params_;
  bool are_trained_;
  Mesh mesh_;
  ShardLayout layout_;
  Tensor shard_;                    // [n] master dtype
  Tensor whole_;                    // [ranks * n] gathered dtype; without memory while free
  std::vector<Tensor> leaves_;      // parameters on whole_
  std::vector<Tensor> slices_;      // parameters on shard_
  Tensor gradient_;                 // [n] of this step, or undefined
  Tensor whole_gradient_, coming_;  // [ranks * n] accumulated or being reduced; [n] what the reduction writes
  std::vector<bool> has_gradient_;  // by parameter, this step
  std::unique_ptr<Pending> gathering_, reducing_, summing_;
  State state_ = State::kFree;
};

}  // namespace molmo::distributed
