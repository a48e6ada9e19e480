// SPDX-License-Identifier: Apache-2.0
#include "train/progress.h"

#include <gtest/gtest.h>

#include <limits>

namespace molmo::train {
namespace {

TEST(Progress, TimeThatIsLeftIsInWholeSeconds) {
  EXPECT_EQ(format_eta(0), "0 s");
  EXPECT_EQ(format_eta(0.3), "0 s");
  EXPECT_EQ(format_eta(55.5), "56 s");
  EXPECT_EQ(format_eta(59.5), "1:00");
  EXPECT_EQ(format_eta(62), "1:02");
  EXPECT_EQ(format_eta(3723), "1:02:03");
  EXPECT_EQ(format_eta(std::numeric_limits<double>::infinity()), "a long time");
}

// Two steps that differ by their text: the first of the run, and the tenth.
TEST(Progress, TheFirstStepIsShownAtOnce) {
  ::testing::internal::CaptureStderr();
  {
    ProgressLine line("sft", /*done=*/3, /*total=*/30, /*log_every=*/10);
    for (int64_t step = 4; step <= 12; ++step) line.show(step, "text " + std::to_string(step));
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("sft 4/30  text 4  "), std::string::npos) << said;
  EXPECT_NE(said.find("sft 10/30  text 10  "), std::string::npos) << said;
  EXPECT_EQ(said.find("text 5"), std::string::npos) << said;
}

}  // namespace
}  // namespace molmo::train
