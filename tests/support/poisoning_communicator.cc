// SPDX-License-Identifier: Apache-2.0
#include "support/poisoning_communicator.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <mutex>
#include <random>

#include "support/ranks.h"
#include "tensor/ops.h"

namespace molmo::testing {
namespace {

using distributed::Communicator;
using distributed::Pending;

// What all ranks of a test have done and done wrong.
class Record {
 public:
  explicit Record(int num_ranks) : collectives_(static_cast<size_t>(num_ranks)) {}

  void add_collective(int rank, std::string text) {
    const std::lock_guard lock(mutex_);
    collectives_[static_cast<size_t>(rank)].push_back(std::move(text));
  }
  void add_fault(int rank, const std::string& text) {
    const std::lock_guard lock(mutex_);
    faults_.push_back(fmt::format("rank {}: {}", rank, text));
  }

  // Once all ranks have ended.
  std::vector<std::string> faults() const {
    std::vector<std::string> found = faults_;
    const std::vector<std::string>& first = collectives_.front();
    for (size_t rank = 1; rank < collectives_.size(); ++rank) {
      const std::vector<std::string>& own = collectives_[rank];
      const auto name = [](const std::vector<std::string>& all, size_t i) { return i < all.size() ? all[i] : "none"; };
      size_t i = 0;
      while (i < std::min(first.size(), own.size()) && first[i] == own[i]) ++i;
      if (i < std::max(first.size(), own.size())) {
        found.push_back(
            fmt::format("rank {}: collective {} is {}, that of rank 0 is {}", rank, i, name(own, i), name(first, i)));
      }
    }
    return found;
  }

 private:
  std::mutex mutex_;
  std::vector<std::vector<std::string>> collectives_;  // by rank
  std::vector<std::string> faults_;
};

// Of one rank, which starts and waits on one thread at a time.
class Pauses {
 public:
  explicit Pauses(uint64_t seed) : random_(seed) {}
  void pause() {
    const uint64_t drawn = random_();
    if (drawn % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds((drawn >> 8) % 400));
  }

 private:
  std::mt19937_64 random_;
};

struct Rank {
  Record& record;
  Pauses pauses;
  int index;
};

bool has_bytes_of(const Tensor& a, const Tensor& b) {
  return a.storage().nbytes() > 0 && std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

Tensor poison_like(const Tensor& values) {
  if (values.is_floating_point()) return at::full_like(values, std::numeric_limits<double>::quiet_NaN());
  return values.scalar_type() == at::kByte ? at::full_like(values, 255)
                                           : at::full_like(values, std::numeric_limits<int64_t>::max());
}

// A collective whose result stays hidden until it is waited for. Tensors without values have no bytes to look at.
class Poisoned : public Pending {
 public:
  /// `result` is where the caller wants the values, `hidden` where the inner collective writes them.
  Poisoned(Rank& rank, std::string what, Tensor input, Tensor result)
      : rank_(rank),
        what_(std::move(what)),
        input_(std::move(input)),
        result_(std::move(result)),
        hidden_(result_.clone()),
        poison_(poison_like(result_)) {
    if (input_.defined()) kept_input_ = input_.clone();
    result_.copy_(poison_);
  }

  ~Poisoned() override {
    if (!is_done_ && std::uncaught_exceptions() == 0) rank_.record.add_fault(rank_.index, what_ + ": not waited for");
  }

  const Tensor& hidden() const { return hidden_; }
  void set_inner(std::unique_ptr<Pending> inner) { inner_ = std::move(inner); }

  void wait() override {
    rank_.pauses.pause();
    is_done_ = true;
    inner_->wait();
    if (result_.numel() == 0) return;
    if (input_.defined() && !has_bytes_of(input_, kept_input_))
      rank_.record.add_fault(rank_.index, what_ + ": its input has changed before the wait");
    if (!has_bytes_of(result_, poison_))
      return rank_.record.add_fault(rank_.index, what_ + ": its result has been written before the wait");
    result_.copy_(hidden_);
  }

 private:
  Rank& rank_;
  std::string what_;
  Tensor input_, kept_input_, result_, hidden_, poison_;
  std::unique_ptr<Pending> inner_;
  bool is_done_ = false;
};

class PoisoningCommunicator : public Communicator {
 public:
  PoisoningCommunicator(Communicator& inner, std::string group, std::shared_ptr<Rank> rank)
      : Communicator(inner.rank(), inner.size(), &inner),
        inner_(inner),
        group_(std::move(group)),
        rank_(std::move(rank)) {}
  PoisoningCommunicator(std::unique_ptr<Communicator> inner, std::string group, std::shared_ptr<Rank> rank)
      : PoisoningCommunicator(*inner, std::move(group), std::move(rank)) {
    owned_ = std::move(inner);
  }

  std::unique_ptr<Pending> all_gather(const Tensor& shard, const Tensor& whole, std::string_view subject) override {
    auto pending = start("all-gather", shard, whole, subject);
    pending->set_inner(inner_.all_gather(shard, pending->hidden(), subject));
    return pending;
  }

  std::unique_ptr<Pending> reduce_scatter(const Tensor& whole, const Tensor& shard, std::string_view subject) override {
    auto pending = start("reduce-scatter", whole, shard, subject);
    pending->set_inner(inner_.reduce_scatter(whole, pending->hidden(), subject));
    return pending;
  }

  std::unique_ptr<Pending> all_reduce(const Tensor& values, std::string_view subject) override {
    auto pending = start("all-reduce", Tensor(), values, subject);  // hidden() has the values that are poisoned
    pending->set_inner(inner_.all_reduce(pending->hidden(), subject));
    return pending;
  }

  std::unique_ptr<Communicator> subgroup(const std::string& name, const std::vector<int>& ranks, at::Device device,
                                         std::optional<std::chrono::seconds> timeout) override {
    return std::make_unique<PoisoningCommunicator>(inner_.subgroup(name, ranks, device, timeout), name, rank_);
  }

  void tell_failure(const std::string& reason) override { inner_.tell_failure(reason); }
  at::Device device() const override { return inner_.device(); }

 private:
  std::unique_ptr<Poisoned> start(const char* kind, const Tensor& input, const Tensor& result,
                                  std::string_view subject) {
    std::string what = fmt::format("{} of {} ({} values of {}) in {}", kind, subject, result.numel(),
                                   c10::toString(result.scalar_type()), group_);
    rank_->record.add_collective(rank_->index, what);
    rank_->pauses.pause();
    return std::make_unique<Poisoned>(*rank_, std::move(what), input, result);
  }

  std::unique_ptr<Communicator> owned_;
  Communicator& inner_;
  std::string group_;
  std::shared_ptr<Rank> rank_;
};

}  // namespace

std::vector<std::string> run_poisoned_ranks(int count, const std::function<void(Communicator& everyone)>& body,
                                            uint64_t seed) {
  Record record(count);
  run_ranks(count, [&](Communicator& inner) {
    const int index = inner.rank();
    const auto rank = std::make_shared<Rank>(
        Rank{.record = record, .pauses = Pauses(1000 * seed + static_cast<uint64_t>(index)), .index = index});
    PoisoningCommunicator everyone(inner, "everyone", rank);
    body(everyone);
  });
  return record.faults();
}

void expect_sound_ranks(int count, const std::function<void(Communicator& everyone)>& body, uint64_t seed) {
  for (const std::string& fault : run_poisoned_ranks(count, body, seed)) ADD_FAILURE() << fault;
}

}  // namespace molmo::testing
