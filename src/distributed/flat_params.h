// Parameters of one unit, laid one after another and cut into equal parts, one per rank:
//
//   parameters   | wq.weight | wq.bias | wo.weight     | padding |
//   ranks        | shard 0       | shard 1       | shard 2       |
//
// Between uses a rank holds its shard alone, in float32. gather() brings the whole into being in the dtype of the
// passes; free() lets it go; reduce() adds the gradients of all ranks and leaves each rank its part.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "distributed/communicator.h"
#include "tensor/param_set.h"

namespace molmo::distributed {

/// Ranks that share the parameters, and ranks that hold the same shard (hybrid sharding); both of the same run.
struct Mesh {
  Communicator* shard = nullptr;
  Communicator* replicas = nullptr;
};

class FlatParams {
 public:
  /// Parameters that train together or not at all. Their values become leaves on the gathered memory, which is free
  /// until gather(): shapes and autograd see whole parameters. The shard starts as zeros.
  FlatParams(std::string name, std::vector<Parameter*> params, bool are_trained, at::ScalarType gathered,
             at::TensorOptions master, const Mesh& mesh);

  bool are_trained() const { return are_trained_; }
  const std::vector<Tensor>& leaves() const { return leaves_; }  ///< the parameters' values, in order

  /// Begins to gather; returns at once. finish_gather() waits.
  void start_gather();
  void finish_gather();
  void free();
  bool is_gathered() const { return state_ == State::kGathered; }

  /// Adds gradients (of leaves(), undefined where there is none) to those of this step, summed over all ranks. With
  /// `defers` they stay on this rank, whole, until a later call sends them along; else the sum is under way on return,
  /// and finish_reduce() waits for it.
  void reduce(const std::vector<Tensor>& gradients, bool defers);
  void finish_reduce();
  bool has_deferred() const { return whole_gradient_.defined() && !reducing_; }

  /// This rank's part of parameter `index`: a one-dimensional leaf on the shard, possibly empty.
  const Tensor& slice(size_t index) const { return slices_[index]; }
  /// Where that part begins in the flattened parameter.
  int64_t slice_begin(size_t index) const;
  /// Which parameters have a gradient in this step. Ranks may differ until they have agreed.
  std::vector<bool>& has_gradient() { return has_gradient_; }
  /// Hands the summed gradients to the slices' grad().
  void publish_gradients();
  void clear_gradients();

  const std::vector<Parameter*>& params() const { return params_; }

  /// Copies what lies in this rank's part of `values`, which begin at `begin` of the flattened parameter.
  void store(size_t index, int64_t begin, const Tensor& values);
  /// The whole values, exactly: in the master's dtype. Every rank calls it.
  std::vector<Tensor> gather_values() const;

 private:
  enum class State { kFree, kComing, kGathered };

  // The part of parameter `index` on this rank: [begin, end) within the shard.
  struct Range {
    int64_t begin, end;
  };
  Range range(size_t index) const;

  std::string name_;
  std::vector<Parameter*> params_;
  bool are_trained_;
  Mesh mesh_;
  std::vector<int64_t> offsets_;    // of each parameter in the whole
  int64_t shard_size_ = 0;          // n
  Tensor shard_;                    // [n] master dtype
  Tensor whole_;                    // [ranks * n] gathered dtype; without memory while free
  std::vector<Tensor> leaves_;      // parameters on whole_
  std::vector<Tensor> slices_;      // parameters on shard_
  Tensor gradient_;                 // [n] of this step, or undefined
  Tensor whole_gradient_, coming_;  // [ranks * n] deferred or on its way; [n] its sum
  std::vector<bool> has_gradient_;  // by parameter, this step
  std::unique_ptr<Pending> gathering_, reducing_;
  State state_ = State::kFree;
};

}  // namespace molmo::distributed
