// A rank that ends because of an error of its own says so in the store of the run. The others, which may wait for it in
// a collective that notices nothing, end soon after instead of at their time-out.
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
    std::chrono::milliseconds interval{1000};  ///< between two looks
    std::chrono::milliseconds grace{5000};     ///< most failures are seen by all ranks, which then say more
  };

  /// `connection` is not used by anybody else: a look must not wait behind another's.
  FailureWatch(c10::intrusive_ptr<c10d::Store> connection, GiveUp give_up, Pace pace);
  ~FailureWatch();  ///< waits for a look that is under way, but not for a machine that no longer answers
  FailureWatch(const FailureWatch&) = delete;
  FailureWatch& operator=(const FailureWatch&) = delete;

  /// Tells the others, through `store`. The first word counts.
  static void tell(c10d::Store& store, const std::string& reason);

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too
};

}  // namespace molmo::distributed
