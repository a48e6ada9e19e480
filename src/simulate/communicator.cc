// SPDX-License-Identifier: Apache-2.0
#include "simulate/communicator.h"

#include <atomic>

#include "simulate/event.h"
#include "simulate/gpu.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

using distributed::Communicator;
using distributed::Pending;

std::atomic<int64_t> num_collectives = 0;

class Counted : public Pending {
 public:
  explicit Counted(Event finished) : finished_(std::move(finished)) {}
  void wait() override {
    if (finished_.collective >= 0) record(finished_);
  }

 private:
  Event finished_;
};

class SimulatedCommunicator : public Communicator {
 public:
  SimulatedCommunicator(int rank, int size, int stride, at::Device device, const Communicator* parent = nullptr)
      : Communicator(rank, size, parent), stride_(stride), device_(device) {}

  at::Device device() const override { return device_; }

  std::unique_ptr<Pending> all_gather(const Tensor& shard, const Tensor& whole, std::string_view subject) override {
    const at::NoGradGuard no_grad;
    if (whole.is_cpu() || size() == 1) whole.view({size(), -1}).copy_(shard.view({1, -1}).expand({size(), -1}));
    forget_others(whole);
    return start("all-gather", subject, whole, static_cast<double>(size() - 1) * static_cast<double>(shard.nbytes()));
  }

  std::unique_ptr<Pending> reduce_scatter(const Tensor& whole, const Tensor& shard, std::string_view subject) override {
    const at::NoGradGuard no_grad;
    if (whole.is_cpu() || size() == 1) shard.copy_(whole.slice(0, 0, shard.numel()));
    forget_others(shard);
    return start("reduce-scatter", subject, whole,
                 static_cast<double>(size() - 1) * static_cast<double>(shard.nbytes()));
  }

  std::unique_ptr<Pending> all_reduce(const Tensor& values, std::string_view subject) override {
    const double share = static_cast<double>(size() - 1) / size();
    return start("all-reduce", subject, values, 2.0 * share * static_cast<double>(values.nbytes()));
  }

  std::unique_ptr<Communicator> subgroup(const std::string&, const std::vector<int>& ranks, at::Device device,
                                         std::optional<std::chrono::seconds>) override {
    const int stride = ranks.size() > 1 ? ranks[1] - ranks[0] : 1;
    return std::make_unique<SimulatedCommunicator>(0, static_cast<int>(ranks.size()), stride, device, this);
  }

 private:
  void forget_others(const Tensor& result) const {
    if (size() > 1) forget_values(result);
  }

  // `num_bytes`: what a rank sends, by the ring algorithms.
  std::unique_ptr<Pending> start(const char* kind, std::string_view subject, const Tensor& tensor, double num_bytes) {
    if (size() == 1 || tensor.numel() == 0) return std::make_unique<Counted>(Event{});
    Event event{.kind = tensor.is_cpu() ? EventKind::kAgreement : EventKind::kCollective,
                .name = std::string(kind) + " of " + std::string(subject),
                .bytes = num_bytes,
                .type = tensor.scalar_type(),
                .waits = tensor.is_cpu(),
                .collective = num_collectives++,
                .group_size = size(),
                .group_stride = stride_};
    record(event);
    event.kind = EventKind::kCollectiveFinished;
    if (tensor.is_cpu()) event.collective = -1;  // the host has waited at its start
    return std::make_unique<Counted>(event);
  }

  int stride_;
  at::Device device_;
};

}  // namespace

std::unique_ptr<Communicator> make_communicator(int size) {
  return std::make_unique<SimulatedCommunicator>(0, size, 1, at::kCPU);
}

}  // namespace molmo::simulate
