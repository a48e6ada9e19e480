// SPDX-License-Identifier: Apache-2.0
#include "base/file_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/files.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo {
namespace {

using molmo::testing::TemporaryFolder;

TEST(FileLock, IsHeldByOneAtATime) {
  const TemporaryFolder folder;
  const auto path = folder / "deep" / "lock";  // its folder is made
  std::unique_ptr<FileLock> first = FileLock::try_take(path);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(FileLock::try_take(path), nullptr);
  EXPECT_NE(FileLock::try_take(folder / "other"), nullptr);
  first.reset();
  EXPECT_NE(FileLock::try_take(path), nullptr);
}

TEST(FileLock, WaitsForWhoeverHoldsIt) {
  const TemporaryFolder folder;
  std::atomic<bool> is_held = false, was_shared = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        const FileLock lock(folder / "lock");
        if (is_held.exchange(true)) was_shared = true;
        std::this_thread::yield();
        is_held = false;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(was_shared);
}

TEST(FileLock, FolderIsLockedWithoutATrace) {
  const TemporaryFolder folder;
  const FileLock lock(folder.path());
  EXPECT_EQ(FileLock::try_take(folder.path()), nullptr);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(FileLock, NeedsNoFolderInItsNameAndSaysWhatItCannotOpen) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_NE(FileLock::try_take("lock"), nullptr);
  std::filesystem::current_path(before);
  write_file(folder / "file", "");
  EXPECT_EQ(molmo::testing::error_of([&] { FileLock lock(std::string(5000, 'x')); }).substr(0, 19),
            "[file] cannot open ");
}

}  // namespace
}  // namespace molmo
