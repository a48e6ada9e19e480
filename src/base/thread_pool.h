// A fixed pool of worker threads with a parallel loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <memory>

namespace molmo {

/// Runs tasks on `num_threads` threads. The first exception of a loop is rethrown to its caller.
class ThreadPool {
 public:
  explicit ThreadPool(size_t num_threads);  ///< Error if the system has no room for so many
  ~ThreadPool();                            ///< finishes the queued tasks
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t size() const;

  /// Queues one task; the future carries its exception.
  std::future<void> submit(std::function<void()> task);

  /// Calls `body(i)` for i in [0, count) and returns when all are done. The caller works too, and may be a task of the
  /// pool itself.
  void parallel_for(size_t count, const std::function<void(size_t)>& body);

 private:
  struct State;
  void stop();
  std::unique_ptr<State> state_;
};

/// Number of hardware threads this process may run on (affinity respected), at least 1.
size_t num_available_threads();

}  // namespace molmo
