// Collectives between the ranks of a run. Every rank calls the same ones in the same order. If a rank dies or is too
// slow, the others' calls throw within the time-out: nothing hangs.
//
//   auto everyone = distributed::connect(distributed::read_rank(), {});
//   auto gathered = everyone->all_gather(shard, whole, "model.transformer.blocks.3");
//   ...                       // work that does not need it
//   gathered->wait();
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "distributed/agreement.h"
#include "distributed/rank.h"
#include "tensor/tensor.h"

namespace molmo::distributed {

/// How long to wait for the other ranks.
struct Timeouts {
  std::chrono::seconds start{600};  ///< until all have joined
  std::chrono::seconds step{600};   ///< for one collective
};

/// A collective in flight. Its tensors must not be read or written until wait() has returned.
class Pending {
 public:
  virtual ~Pending() = default;
  /// Errors, with exit code 75: a rank that is lost or too slow. The text names rank, collective, subject and step.
  virtual void wait() = 0;
};

/// A group of ranks. Errors name the `subject`, what is being sent: the name of a unit, "the loss", ...
class Communicator {
 public:
  virtual ~Communicator() = default;

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// Concatenates every rank's `shard` in the order of ranks. Same dtype, contiguous.
  virtual std::unique_ptr<Pending> all_gather(const Tensor& shard, const Tensor& whole,
                                              std::string_view subject) = 0;  // [n] -> [size * n]

  /// The rank's own part of `whole`, summed over ranks.
  virtual std::unique_ptr<Pending> reduce_scatter(const Tensor& whole, const Tensor& shard,
                                                  std::string_view subject) = 0;  // [size * n] -> [n]

  /// Sums over ranks, in place; the result has the same bits on every rank.
  virtual std::unique_ptr<Pending> all_reduce(const Tensor& values, std::string_view subject) = 0;  // [...] -> same

  /// Sums of a few numbers, in place.
  void sum(std::span<double> values, std::string_view subject);

  /// A barrier: waits until every rank has called it.
  void meet(std::string_view subject);

  /// A few numbers of every rank, one rank's behind another's: [size * n].
  std::vector<double> gather_numbers(std::span<const double> own, std::string_view subject);

  /// The maximum over ranks.
  double maximum(double value, std::string_view subject);

  /// All-gathers texts, in the order of ranks.
  std::vector<std::string> gather_texts(const std::string& own, std::string_view subject);

  /// The device of the tensors that it sends.
  virtual at::Device device() const { return at::kCPU; }

  /// A group of some of this communicator's ranks, the calling one among them: over NCCL for tensors of a
  /// GPU, over Gloo for those of the CPU. Groups of one name share no rank. `timeout` is that of its collectives, where
  /// it is another than this one's.
  virtual std::unique_ptr<Communicator> subgroup(const std::string& name, const std::vector<int>& ranks,
                                                 at::Device device,
                                                 std::optional<std::chrono::seconds> timeout = {}) = 0;

  /// Tells the other ranks of the run that this one ends because of an error of its own, so that they stop waiting for
  /// it and end with 75 and this reason.
  virtual void tell_failure(const std::string& reason) { (void)reason; }

  /// Sets the step that errors name, in its subgroups too.
  void set_step(int64_t step) { *step_ = step; }
  int64_t step() const { return *step_; }

 protected:
  Communicator(int rank, int size, const Communicator* parent = nullptr)
      : rank_(rank),
        size_(size),
        step_(parent != nullptr ? parent->step_ : std::make_shared<std::atomic<int64_t>>(0)) {}

 private:
  int rank_, size_;
  std::shared_ptr<std::atomic<int64_t>> step_;  // of this group and those made from it, on any thread
};

/// Meets the other ranks, over Gloo. A run of one rank needs nobody.
/// Errors: ranks that have not joined in time (exit code 75); ranks that differ in a fact, on all ranks (2).
std::unique_ptr<Communicator> connect(const Rank& rank, const Timeouts& timeouts, const Facts& facts = {});

/// Runs what a rank does alone before it meets the others. If that throws, the others, which would wait for this rank
/// in vain, are told if they can be reached within some seconds; then the error is rethrown.
void before_meeting(const Rank& rank, const std::function<void()>& prepare);

}  // namespace molmo::distributed
