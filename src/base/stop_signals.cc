// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signals.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "molmo/error.h"

namespace molmo {
namespace {

// Handlers run on any thread, between any two instructions: they read and write these alone.
std::atomic<int> noted = 0;
std::atomic<bool> notes = false;
std::atomic<const char*> farewell = nullptr;
std::atomic<int> num_interrupts = 0;
std::atomic<int64_t> last_interrupt = 0;  // of those that count, in milliseconds
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free);

// Launchers send theirs at one moment; a user who presses keys takes longer.
bool is_third_interrupt() {
  constexpr int kPatience = 3;
  constexpr int64_t kPause = 1000;
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  const int64_t now = int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
  if (num_interrupts == 0 || now - last_interrupt >= kPause) {
    ++num_interrupts;
    last_interrupt = now;
  }
  return num_interrupts >= kPatience;
}

void handle(int signal) {
  const int error = errno;
  if (signal == SIGINT && is_third_interrupt()) {
    ::signal(SIGINT, SIG_DFL);
    ::raise(SIGINT);  // comes when this returns
  } else if (notes) {
    int none = 0;
    noted.compare_exchange_strong(none, signal);
  } else {
    const char* text = farewell;
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) errno = 0;
    ::_exit(static_cast<int>(ExitCode::kRestart));
  }
  errno = error;
}

sigset_t stop_set() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kStopSignals) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void hold_stop_signals() {
  const sigset_t set = stop_set();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

StopSignals::StopSignals(const char* last_words) {
  noted = 0, notes = false, num_interrupts = 0, farewell = last_words;
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_mask = stop_set();
  action.sa_flags = SA_RESTART;  // what writes a file goes on
  for (size_t i = 0; i < kStopSignals.size(); ++i) {
    ::sigaction(kStopSignals[i], nullptr, &old_[i]);
    if (old_[i].sa_handler != SIG_IGN) ::sigaction(kStopSignals[i], &action, nullptr);
  }
  const sigset_t set = stop_set();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kStopSignals.size(); ++i) ::sigaction(kStopSignals[i], &old_[i], nullptr);
}

void StopSignals::start_noting() { notes = true; }
bool StopSignals::has_come() { return noted != 0; }

std::string StopSignals::name() {
  const char* text = ::sigabbrev_np(noted);
  return text == nullptr ? "a signal" : fmt::format("SIG{}", text);
}

}  // namespace molmo
