// SPDX-License-Identifier: Apache-2.0
#include "dist/communicator.h"

#include <array>

#include "base/check.h"
#include "dist/backend.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::dist {
namespace {

class Done : public Pending {
 public:
  void wait() override {}
};

// A run of one: what would be sent is copied.
class Alone : public Communicator {
 public:
  Alone() : Communicator(0, 1) {}

  std::unique_ptr<Pending> all_gather(const Tensor& shard, const Tensor& whole, std::string_view) override {
    whole.copy_(shard);
    return std::make_unique<Done>();
  }
  std::unique_ptr<Pending> reduce_scatter(const Tensor& whole, const Tensor& shard, std::string_view) override {
    shard.copy_(whole);
    return std::make_unique<Done>();
  }
  std::unique_ptr<Pending> all_reduce(const Tensor&, std::string_view) override { return std::make_unique<Done>(); }
  std::unique_ptr<Communicator> subgroup(const std::string&, const std::vector<int>&, at::Device,
                                         std::optional<std::chrono::seconds>) override {
    return std::make_unique<Alone>();
  }
};

}  // namespace

void Communicator::sum(std::span<double> values, std::string_view subject) {
  const Tensor packed = at::tensor(at::ArrayRef<double>(values.data(), values.size())).to(device());
  all_reduce(packed, subject)->wait();
  const Tensor sums = packed.cpu();
  std::copy_n(sums.const_data_ptr<double>(), values.size(), values.begin());
}

void Communicator::meet(std::string_view subject) {
  std::array<double, 1> nothing{};
  sum(nothing, subject);
}

double Communicator::maximum(double value, std::string_view subject) {
  const Tensor own = at::full({1}, value, at::kDouble).to(device()), all = at::empty({size()}, own.options());
  all_gather(own, all, subject)->wait();
  return all.max().item<double>();
}

std::unique_ptr<Communicator> connect(const Rank& rank, const Timeouts& timeouts) {
  if (rank.count == 1) return std::make_unique<Alone>();
  return connect_backend(rank, timeouts);
}

}  // namespace molmo::dist
