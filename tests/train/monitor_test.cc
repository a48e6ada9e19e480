// What a run records, and what of it a run that goes on finds.
// SPDX-License-Identifier: Apache-2.0
#include "train/monitor.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/file_faults.h"
#include "base/files.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::train {
namespace {

using molmo::testing::error_of;
using molmo::testing::FileFaults;
using molmo::testing::TemporaryFolder;

config::TrainConfig recipe() {
  config::TrainConfig config;
  config.loss_evaluators["held"] = {};
  return config;
}

std::string line(int step) { return "{\"step\": " + std::to_string(step) + ", \"cross_entropy\": 2.50}\n"; }

TEST(Monitor, KeepsWholeLinesAsTheyAreAndDropsTornOnes) {
  const TemporaryFolder run;
  for (const char* name : {"metrics.jsonl", "evaluations.jsonl"}) {
    // A half line that another was appended to, and a last one without its end.
    write_file_atomically(run / name, line(1) + "{\"step\": 2, \"cro" + line(2) + line(3) + line(4) + "{\"step\": 5,");
    { const Monitor monitor(run.path(), recipe(), 1, /*first_step=*/3); }
    EXPECT_EQ(read_text_file(run / name), line(1) + line(3)) << name;
  }
}

TEST(Monitor, AWholeLastLineNeedsNoEnd) {
  const TemporaryFolder run;
  write_file_atomically(run / "metrics.jsonl", line(1) + line(2).substr(0, line(2).size() - 1));
  { const Monitor monitor(run.path(), recipe(), 1, /*first_step=*/2); }
  EXPECT_EQ(read_text_file(run / "metrics.jsonl"), line(1) + line(2));
}

// A network file system notices a full disk when a file is closed.
TEST(Monitor, TellsOfWhatIsNoticedWhenItsFilesAreClosed) {
  const TemporaryFolder run;
  Monitor monitor(run.path(), recipe(), 1, /*first_step=*/0);
  FileFaults faults;
  faults.close_error = ENOSPC;
  EXPECT_EQ(error_of([&] { monitor.close(); }, run.path().string()),
            "[file] cannot write metrics.jsonl: No space left on device");
}

}  // namespace
}  // namespace molmo::train
