// A rank that ends because of an error of its own records it in the run's store. The others poll the store and end soon
// after; without that they would wait for it in a collective until the time-out, since NCCL does not notice a lost
// peer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace molmo::distributed {

class FailureWatch {
 public:
  /// `give_up(reason)` is called once, on a thread of its own: another rank has failed, or the store is gone with rank
  /// 0, and this one has not ended by itself within `grace`. It does not return in a program.
  using GiveUp = std::function<void(const std::string& reason)>;
  struct Pace {
    std::chrono::milliseconds interval{1000};  ///< between two polls
    std::chrono::milliseconds grace{5000};     ///< for the rank's own error, which names the collective it waited for
  };

  /// `connection` is used by nothing else: requests on one connection are served in order, and another may block.
  FailureWatch(c10::intrusive_ptr<c10d::Store> connection, GiveUp give_up, Pace pace);
  ~FailureWatch();  ///< waits for a poll in flight, but not forever for a machine that no longer answers
  FailureWatch(const FailureWatch&) = delete;
  FailureWatch& operator=(const FailureWatch&) = delete;

  /// Tells the other ranks, through `store`. The first failure that is recorded stays.
  static void tell(c10d::Store& store, const std::string& reason);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this
};

}  // namespace molmo::distributed
