// SPDX-License-Identifier: Apache-2.0
#include "base/standard_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <iostream>

#include "molmo/error.h"
#include "support/error_of.h"

namespace molmo {
namespace {

// Runs in a process of its own, whose stdout is `descriptor`; returns its status.
int status_with_stdout(int descriptor, const std::function<bool()>& run) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (descriptor >= 0)
      ::dup2(descriptor, STDOUT_FILENO);
    else
      ::close(STDOUT_FILENO);
    report_failed_writes();
    ::_exit(run() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(StandardOutput, WritesWhatIsPrinted) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(status_with_stdout(ends[1],
                               [] {
                                 const CheckedStdout checked;
                                 for (int i = 0; i < 3000; ++i) std::cout << i << "\n";  // more than the buffer holds
                                 std::cout.flush();
                                 return true;
                               }),
            0);
  ::close(ends[1]);
  std::string text, expected;
  char buffer[4096];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  ::close(ends[0]);
  for (int i = 0; i < 3000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(text, expected);
}

TEST(StandardOutput, FullDiskIsAnErrorWhenPrintedAndWhenFlushed) {
  const int full = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  const auto fails = [](const std::function<void()>& print) {
    const CheckedStdout checked;
    return molmo::testing::error_of(print) == "[stdout] cannot write: No space left on device";
  };
  EXPECT_EQ(status_with_stdout(full, [&] { return fails([] { std::cout << "an answer" << std::endl; }); }), 0);
  EXPECT_EQ(status_with_stdout(full, [&] { return fails([] { std::cout << std::string(100000, 'x'); }); }), 0);
  EXPECT_EQ(status_with_stdout(full,
                               [&] {
                                 return fails([] {
                                   std::cout << "an answer\n";
                                   std::cout.flush();
                                 });
                               }),
            0);
  ::close(full);
}

TEST(StandardOutput, ReaderThatHasGoneEndsTheProcessAsAFilter) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const int status = status_with_stdout(ends[1], [] {
    const CheckedStdout checked;
    std::cout << "an answer" << std::endl;
    return true;
  });
  ::close(ends[1]);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) << status;
}

TEST(StandardOutput, ClosedStdoutIsAnErrorAndNoFileTakesItsPlace) {
  EXPECT_EQ(status_with_stdout(-1,
                               [] {
                                 const int file = ::open("/dev/zero", O_RDONLY);
                                 const CheckedStdout checked;
                                 return file > STDERR_FILENO && molmo::testing::error_of([] {
                                                                  std::cout << "text" << std::flush;
                                                                }) == "[stdout] cannot write: Bad file descriptor";
                               }),
            0);
}

}  // namespace
}  // namespace molmo
