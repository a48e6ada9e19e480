// Several ranks in one test: each on a thread of its own, talking over Gloo on the loopback.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/listener.h"
#include "distributed/communicator.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::testing {

/// Runs `body` once per rank and waits for all; throws what the first failing rank threw.
inline void run_ranks(int count, const std::function<void(distributed::Communicator& everyone)>& body,
                      const distributed::Timeouts& timeouts = {std::chrono::seconds(60), std::chrono::seconds(60)}) {
  std::optional<Listener> listener;
  if (count > 1) listener.emplace(listen_on_loopback());
  const int port = listener ? listener->port() : 0;
  const int descriptor = listener ? listener->release() : -1;
  std::vector<std::exception_ptr> errors(static_cast<size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        set_num_threads(1);  // ranks share the machine's cores
        const auto everyone = distributed::connect({.index = rank,
                                                    .count = count,
                                                    .local_index = rank,
                                                    .local_count = count,
                                                    .address = "127.0.0.1",
                                                    .port = port,
                                                    .listener = rank == 0 ? std::optional(descriptor) : std::nullopt},
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
