// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <fmt/format.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "molmo/error.h"

namespace molmo {

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::packaged_task<void()>> tasks;
  std::vector<std::thread> threads;
  bool stopping = false;

  void work() {
    for (;;) {
      std::packaged_task<void()> task;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return stopping || !tasks.empty(); });
        if (tasks.empty()) return;
        task = std::move(tasks.front());
        tasks.pop_front();
      }
      task();
    }
  }
};

ThreadPool::ThreadPool(size_t num_threads) : state_(std::make_unique<State>()) {
  try {
    for (size_t i = 0; i < num_threads; ++i) state_->threads.emplace_back([this] { state_->work(); });
  } catch (const std::system_error& error) {
    const size_t num_started = state_->threads.size();
    stop();
    throw Error(
        fmt::format("[threads] cannot start thread {} of {}: {}, expected fewer threads or a higher limit "
                    "(ulimit -u)",
                    num_started + 1, num_threads, error.code().message()));
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
  state_->threads.clear();
}

size_t ThreadPool::size() const { return state_->threads.size(); }

std::future<void> ThreadPool::submit(std::function<void()> task) {
  std::packaged_task<void()> packaged(std::move(task));
  std::future<void> future = packaged.get_future();
  {
    const std::lock_guard lock(state_->mutex);
    state_->tasks.push_back(std::move(packaged));
  }
  state_->changed.notify_one();
  return future;
}

namespace {

// One parallel_for(). Helpers that begin after its end find nothing left to do, so that nobody need wait for them: a
// loop inside of a task would otherwise wait for threads that are all in such tasks.
class Loop {
 public:
  Loop(size_t count, const std::function<void(size_t)>& body) : count_(count), body_(&body) {}

  void run() {
    ++num_running_;
    for (size_t i = next_++; i < count_; i = next_++) {
      try {
        (*body_)(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        next_ = count_;
      }
    }
    const std::lock_guard lock(mutex_);
    if (--num_running_ == 0) done_.notify_all();
  }

  void finish() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return num_running_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  size_t count_;
  const std::function<void(size_t)>* body_;
  std::atomic<size_t> next_{0}, num_running_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  std::exception_ptr error_;
};

}  // namespace

void ThreadPool::parallel_for(size_t count, const std::function<void(size_t)>& body) {
  if (count == 0) return;
  const auto loop = std::make_shared<Loop>(count, body);
  const size_t num_helpers = std::min(size(), count - 1);
  try {
    for (size_t i = 0; i < num_helpers; ++i) submit([loop] { loop->run(); });
  } catch (const std::bad_alloc&) {  // the loop is done by those who are there
  }
  loop->run();
  loop->finish();
}

size_t num_available_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<size_t>(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace molmo
