// What a process does that gets stop signals, one or several, before and after there is something to save.
// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signals.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace molmo {
namespace {

// The status in which a child ends that runs `body`.
int status_of(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(StopSignals, EachIsNotedAndFurtherOnesChangeNothing) {
  for (const int signal : kStopSignals) {
    const int status = status_of([signal] {
      const StopSignals signals("");
      StopSignals::start_noting();
      if (StopSignals::has_come()) ::_exit(1);
      for (int i = 0; i < 5; ++i) ::raise(signal);  // at one moment, SIGINT too
      ::raise(SIGTERM);
      ::_exit(StopSignals::has_come() && StopSignals::name() != "SIGKILL" ? 42 : 2);
    });
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << "signal " << signal << ", status " << status;
  }
}

TEST(StopSignals, TheFirstIsNamed) {
  const StopSignals signals("");
  StopSignals::start_noting();
  ::raise(SIGUSR1);
  ::raise(SIGTERM);
  EXPECT_EQ(StopSignals::name(), "SIGUSR1");
}

TEST(StopSignals, EndAtOnceWhereNothingIsToBeSaved) {
  const int status = status_of([] {
    const StopSignals signals("");
    ::raise(SIGHUP);
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 75) << status;
}

TEST(StopSignals, WaitWhileTheProgramIsLoaded) {
  const int status = status_of([] {
    hold_stop_signals();
    ::raise(SIGTERM);  // would kill
    const StopSignals signals("");
    ::_exit(3);
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 75) << status;
}

TEST(StopSignals, WhatWasIgnoredStaysIgnored) {
  ::signal(SIGHUP, SIG_IGN);  // as nohup does
  {
    const StopSignals signals("");
    StopSignals::start_noting();
    ::raise(SIGHUP);
    EXPECT_FALSE(StopSignals::has_come());
  }
  ::signal(SIGHUP, SIG_DFL);
}

TEST(StopSignals, AThirdPatientInterruptEnds) {
  const int status = status_of([] {
    const StopSignals signals("");
    StopSignals::start_noting();
    for (int i = 0; i < 2; ++i) {
      ::raise(SIGINT);
      ::raise(SIGINT);  // with it: the same key
      ::usleep(1'050'000);
    }
    if (!StopSignals::has_come()) ::_exit(1);
    ::raise(SIGINT);
    ::_exit(2);
  });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
}

TEST(StopSignals, AreAsBeforeWhenItIsGone) {
  { const StopSignals signals(""); }
  struct sigaction action {};
  ::sigaction(SIGTERM, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

}  // namespace
}  // namespace molmo
