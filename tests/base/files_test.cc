// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "molmo/error.h"
#include "support/paths.h"

namespace molmo {
namespace {

using molmo::testing::TemporaryFolder;

std::string read_error_of(const std::filesystem::path& path) {
  try {
    read_text_file(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Files, OnlyRegularFilesAreRead) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_error_of("/dev/zero"),
            "[file] cannot read /dev/zero: it is a device or pipe, expected a regular file");
  EXPECT_EQ(read_error_of(folder / "pipe"),
            "[file] cannot read " + (folder / "pipe").string() + ": it is a device or pipe, expected a regular file");
  EXPECT_EQ(read_error_of(folder.path()),
            "[file] cannot read " + folder.path().string() + ": it is a folder, expected a regular file");
  EXPECT_EQ(read_error_of(folder / "none"),
            "[file] cannot open " + (folder / "none").string() + ": No such file or directory");
}

TEST(Files, AtomicWriteLeavesNoTraceUnlessCommitted) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
  }
  EXPECT_EQ(read_text_file(folder / "a"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  write_file_atomically(folder / "a", "new");
  EXPECT_EQ(read_text_file(folder / "a"), "new");
}

TEST(Files, EmptyFileMapsToNothing) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "empty", "");
  EXPECT_EQ(MappedFile(folder / "empty").bytes().size(), 0u);
}

}  // namespace
}  // namespace molmo
