// A group of ranks whose collectives are counted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "distributed/communicator.h"

namespace molmo::testing {

/// Hands everything on to `inner`, which outlives it.
class CountingCommunicator : public distributed::Communicator {
 public:
  explicit CountingCommunicator(distributed::Communicator& inner)
      : Communicator(inner.rank(), inner.size(), &inner), inner_(inner) {}

  std::unique_ptr<distributed::Pending> all_gather(const Tensor& shard, const Tensor& whole,
                                                   std::string_view subject) override {
    ++num_gathers[std::string(subject)];
    return inner_.all_gather(shard, whole, subject);
  }
  std::unique_ptr<distributed::Pending> reduce_scatter(const Tensor& whole, const Tensor& shard,
                                                       std::string_view subject) override {
    ++num_reductions[std::string(subject)];
    return inner_.reduce_scatter(whole, shard, subject);
  }
  std::unique_ptr<distributed::Pending> all_reduce(const Tensor& values, std::string_view subject) override {
    return inner_.all_reduce(values, subject);
  }
  std::unique_ptr<distributed::Communicator> subgroup(const std::string& name, const std::vector<int>& ranks,
                                                      at::Device device,
                                                      std::optional<std::chrono::seconds> timeout) override {
    return inner_.subgroup(name, ranks, device, timeout);
  }

  std::map<std::string, int> num_gathers, num_reductions;  ///< by subject

 private:
  distributed::Communicator& inner_;
};

}  // namespace molmo::testing
