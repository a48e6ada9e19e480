// Several ranks in one test: each on a thread of its own, talking over Gloo on the loopback.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "base/free_port.h"
#include "dist/communicator.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::testing {

/// Runs `body` once per rank and waits for all; throws what the first failing rank threw.
inline void run_ranks(int count, const std::function<void(dist::Communicator& everyone)>& body,
                      const dist::Timeouts& timeouts = {std::chrono::seconds(60), std::chrono::seconds(60)}) {
  const int port = count > 1 ? find_free_port() : 0;
  std::vector<std::exception_ptr> errors(static_cast<size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        set_num_threads(1);  // ranks share the machine's cores
        const auto everyone = dist::connect({.index = rank,
                                             .count = count,
                                             .local_index = rank,
                                             .local_count = count,
                                             .address = "127.0.0.1",
                                             .port = port},
                                            timeouts);
        body(*everyone);
      } catch (...) {
        errors[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace molmo::testing
