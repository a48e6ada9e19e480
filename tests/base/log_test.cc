// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/file_faults.h"
#include "base/files.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo {
namespace {

using molmo::testing::TemporaryFolder;

size_t count(const std::string& text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(LogFile, TakesMessagesWhileItLives) {
  const TemporaryFolder folder;
  log_info("before");
  {
    const LogFile file(folder / "log.txt");
    log_info("100 {} of %d");
    log_warning("careful");
    log_debug("too fine");
    EXPECT_EQ(count(read_text_file(folder / "log.txt"), "\n"), 2u);  // a reader may follow
  }
  log_info("after");
  {
    const LogFile again(folder / "log.txt");
    log_error("appended");
  }
  const std::string text = read_text_file(folder / "log.txt");
  EXPECT_EQ(count(text, "\n"), 3u);
  EXPECT_NE(text.find(" I 100 {} of %d\n"), text.npos) << text;
  EXPECT_NE(text.find(" W careful\n"), text.npos) << text;
  EXPECT_NE(text.find(" E appended\n"), text.npos) << text;
}

TEST(LogFile, BeginsWithTheBacklogOnce) {
  const TemporaryFolder folder;
  log_warning("earlier");
  {
    const LogBacklog backlog;
    log_warning("bad data");
    log_debug("too fine");
    {
      const LogFile file(folder / "log.txt");
      log_info("begins");
    }
    log_info("between");
    const LogFile again(folder / "again.txt");
  }
  {
    const LogBacklog forgotten;
    log_info("of a run that was refused");
  }
  const LogFile later(folder / "later.txt");
  const std::string text = read_text_file(folder / "log.txt");
  EXPECT_EQ(count(text, "\n"), 2u) << text;
  EXPECT_LT(text.find(" W bad data\n"), text.find(" I begins\n")) << text;
  EXPECT_EQ(read_text_file(folder / "again.txt"), "");
  EXPECT_EQ(read_text_file(folder / "later.txt"), "");
}

TEST(LogFile, TwoFilesGetEachMessageOnceWhileThreadsWrite) {
  const TemporaryFolder folder;
  set_log_level(LogLevel::kInfo);
  {
    const LogFile whole(folder / "whole");
    std::vector<std::thread> writers;
    for (int i = 0; i < 4; ++i) {
      writers.emplace_back([] {
        for (int k = 0; k < 100; ++k) log_info("message");
      });
    }
    for (int i = 0; i < 20; ++i) const LogFile brief(folder / "brief");
    for (std::thread& writer : writers) writer.join();
  }
  EXPECT_EQ(count(read_text_file(folder / "whole"), "message\n"), 400u);
}

TEST(LogFile, FullDiskIsSaidOnceAndEndsNothing) {
  const TemporaryFolder folder;
  const LogFile file(folder / "log.txt");
  log_info("first");
  ::testing::internal::CaptureStderr();
  {
    molmo::testing::FileFaults faults;
    faults.write_error = ENOSPC;
    log_info("second");
    log_info("third");
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(said, "log.txt: No space left on device; the log has gaps from here on"), 1u) << said;
  EXPECT_EQ(count(said, "third"), 1u) << said;
  log_info("fourth");
  const std::string text = read_text_file(folder / "log.txt");
  EXPECT_NE(text.find("first"), text.npos);
  EXPECT_NE(text.find("fourth"), text.npos);
}

TEST(LogFile, ThatCannotBeOpenedIsAnError) {
  const TemporaryFolder folder;
  EXPECT_EQ(molmo::testing::error_of([&] { const LogFile file(folder / "none/log.txt"); }, folder.path().string()),
            "[file] cannot write none/log.txt: No such file or directory");
}

}  // namespace
}  // namespace molmo
