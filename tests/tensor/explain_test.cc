// With which code the program ends where LibTorch throws.
// SPDX-License-Identifier: Apache-2.0
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <array>

#include "cli/app.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

std::exception_ptr thrown;

void add_failing(cli::Command& app) {
  app.subcommand("fail", "throws").acts([](int, char**) -> int { std::rethrow_exception(thrown); });
}

// What the program says of an exception, and its exit code in front.
template <class E>
std::string end_of(const E& error) {
  thrown = std::make_exception_ptr(error);
  std::array<char, 6> program{"molmo"};
  std::array<char, 5> command{"fail"};
  std::array<char*, 3> words{program.data(), command.data(), nullptr};
  constexpr std::array<cli::AddCommand, 1> kCommands{add_failing};
  ::testing::internal::CaptureStderr();
  const int code = cli::run(2, words.data(), kCommands, explain);
  return std::to_string(code) + " " + ::testing::internal::GetCapturedStderr();
}

const c10::SourceLocation kPlace{"explain_test", __FILE__, __LINE__};

TEST(Explain, AGpuThatFailsEndsWith75) {
  const std::string said =
      "75 [device] the GPU has failed: uncorrectable ECC error encountered (the kernel's log, dmesg, may say more); "
      "start "
      "again with --resume auto, if need be on another machine\n";
  const std::string text = "CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be ...\n";
  EXPECT_EQ(end_of(c10::AcceleratorError(kPlace, 214, text)), said);
  EXPECT_EQ(end_of(c10::Error(kPlace, text)), said);
  EXPECT_EQ(end_of(std::runtime_error("[thread] " + text)), said);
}

TEST(Explain, WhatAnotherStartDoesNotMendIsNot75) {
  EXPECT_TRUE(end_of(c10::Error(kPlace, "CUDA error: no kernel image is available for execution on the device\n"))
                  .starts_with("2 [device] no kernel image is available"));
  EXPECT_TRUE(end_of(c10::AcceleratorError(kPlace, 2, "CUDA error: out of memory\n"))
                  .starts_with("71 [memory] out of memory on the GPU: turn down the batch size"));
  EXPECT_TRUE(
      end_of(std::runtime_error("an index is out of range")).starts_with("70 [bug] an index is out of range\n"));
}

}  // namespace
}  // namespace molmo::tensor
