// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <set>
#include <thread>

#include "base/file_faults.h"
#include "molmo/error.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo {
namespace {

using molmo::testing::error_of;
using molmo::testing::FileFaults;
using molmo::testing::TemporaryFolder;

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

std::string read_error_of(const std::filesystem::path& path) {
  return error_of([&] { read_text_file(path); });
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

TEST(Files, AtomicWriteSyncsTheFileAndThenItsFolder) {
  const TemporaryFolder folder;
  FileFaults faults;
  AtomicFile file(folder / "a");
  file.write("new");
  EXPECT_EQ(faults.num_file_syncs, 0);
  file.commit();
  EXPECT_EQ(faults.num_file_syncs, 1);
  EXPECT_EQ(faults.num_folder_syncs, 1);
  AppendFile log(folder / "log");
  log.append("line\n");
  EXPECT_EQ(faults.num_file_syncs, 1);
  log.sync();
  EXPECT_EQ(faults.num_file_syncs, 2);
}

// Whatever fails: the final name is in the message, the old content stays, nothing temporary does.
TEST(Files, FailedAtomicWriteNamesTheFileAndLeavesTheOldOne) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  const auto write = [&] { write_file_atomically(folder / "a", "new"); };
  const std::string at = folder.path().string();
  {
    FileFaults faults;
    faults.write_error = ENOSPC;
    EXPECT_EQ(error_of(write, at), "[file] cannot write a: No space left on device");
    faults.num_bytes_before_error = 2;
    EXPECT_EQ(error_of(write, at), "[file] cannot write a: No space left on device");
  }
  {
    FileFaults faults;
    faults.fsync_error = EIO;
    EXPECT_EQ(error_of(write, at), "[file] cannot write a: Input/output error");
  }
  {
    FileFaults faults;
    faults.close_error = EDQUOT;
    EXPECT_EQ(error_of(write, at), "[file] cannot write a: Disk quota exceeded");
  }
  EXPECT_EQ(read_text_file(folder / "a"), "old");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a"});

  std::filesystem::create_directories(folder / "b" / "c");
  EXPECT_EQ(error_of([&] { write_file_atomically(folder / "b", "x"); }, at), "[file] cannot write b: Is a directory");
  EXPECT_EQ(error_of([&] { write_file_atomically(folder / "none/d", "x"); }, at),
            "[file] cannot write none/d: No such file or directory");
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"a", "b"}));
}

TEST(Files, FileSystemsThatCannotSyncAreWrittenTo) {
  const TemporaryFolder folder;
  FileFaults faults;
  for (const int error : {EINVAL, ENOTSUP}) {
    faults.fsync_error = error;
    write_file_atomically(folder / "a", std::to_string(error));
    EXPECT_EQ(read_text_file(folder / "a"), std::to_string(error));
  }
}

// A limit on file sizes, as a batch system sets it: SIGXFSZ is ignored as the program does.
TEST(Files, LimitOnFileSizesIsAnError) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string text =
        error_of([&] { write_file_atomically(folder / "a", std::string(1001, 'x')); }, folder.path().string());
    const bool is_right = text == "[file] cannot write a: File too large" && names_in(folder.path()).empty();
    ::_exit(is_right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Files, WritersOfOneNameDoNotMix) {
  const TemporaryFolder folder;
  constexpr int kNumWriters = 8;
  std::vector<std::thread> writers;
  for (int i = 0; i < kNumWriters; ++i) {
    writers.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) write_file_atomically(folder / "a", std::string(10000, static_cast<char>('a' + i)));
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string content = read_text_file(folder / "a");
  ASSERT_EQ(content.size(), 10000u);
  EXPECT_EQ(content, std::string(10000, content[0]));
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a"});
}

TEST(Files, TemporaryNamesAreKnownAndFollowNoLink) {
  const TemporaryFolder folder;
  std::string name;
  {
    AtomicFile file(folder / "model.safetensors");
    const AtomicFile other(folder / "model.safetensors");
    const std::set<std::string> names = names_in(folder.path());
    ASSERT_EQ(names.size(), 2u);
    for (const std::string& each : names) EXPECT_TRUE(is_temporary_name(each)) << each;
  }
  EXPECT_TRUE(is_temporary_name("a.tmp0123456789abcdef"));
  for (const char* ours : {"model.safetensors", ".tmp0123456789abcdef", "a.tmp0123456789abcdeg", "a.tmp123", "a.tmp",
                           "a.tmp0123456789abcdef0", "tmp0123456789abcdef", ""})
    EXPECT_FALSE(is_temporary_name(ours)) << ours;
  const std::string long_name(255, 'n');
  write_file_atomically(folder / long_name, "x");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{long_name});
}

TEST(Files, ModesFollowTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0027);
  write_file_atomically(folder / "a", "x");
  write_file(folder / "b", "x");
  AppendFile(folder / "c").append("x");
  ::umask(before);
  for (const char* name : {"a", "b", "c"})
    EXPECT_EQ(std::filesystem::status(folder / name).permissions(), std::filesystem::perms(0640)) << name;
}

TEST(Files, PlainWriteIsWholeOrGone) {
  const TemporaryFolder folder;
  write_file(folder / "a", "first and longer");
  write_file(folder / "a", "second");
  EXPECT_EQ(read_text_file(folder / "a"), "second");
  FileFaults faults;
  faults.write_error = ENOSPC, faults.num_bytes_before_error = 3;
  EXPECT_EQ(error_of([&] { write_file(folder / "a", "third"); }, folder.path().string()),
            "[file] cannot write a: No space left on device");
  faults.write_error = 0, faults.close_error = EIO;
  EXPECT_EQ(error_of([&] { write_file(folder / "a", "fourth"); }, folder.path().string()),
            "[file] cannot write a: Input/output error");
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(Files, AppendedPiecesAreWholeOrAbsent) {
  const TemporaryFolder folder;
  write_file(folder / "log", "old\n");
  AppendFile file(folder / "log");
  file.append("one\n");
  EXPECT_EQ(read_text_file(folder / "log"), "old\none\n");  // while it is open
  {
    FileFaults faults;
    faults.write_error = ENOSPC, faults.num_bytes_before_error = 2;
    EXPECT_EQ(error_of([&] { file.append("torn\n"); }, folder.path().string()),
              "[file] cannot write log: No space left on device");
  }
  file.append("two\n");  // there is room again
  EXPECT_EQ(read_text_file(folder / "log"), "old\none\ntwo\n");
  FileFaults faults;
  faults.fsync_error = EIO, faults.close_error = ENOSPC;
  EXPECT_EQ(error_of([&] { file.sync(); }, folder.path().string()), "[file] cannot write log: Input/output error");
  EXPECT_EQ(error_of([&] { file.close(); }, folder.path().string()),
            "[file] cannot write log: No space left on device");
  EXPECT_EQ(error_of([&] { AppendFile(folder / "none/log"); }, folder.path().string()),
            "[file] cannot write none/log: No such file or directory");
}

// Two processes may have the same log open: neither writes where the other just did.
TEST(Files, AppendingWritersOverwriteNothing) {
  const TemporaryFolder folder;
  AppendFile one(folder / "log"), other(folder / "log");
  FileFaults faults;
  faults.before_write = [&] { other.append("of the other\n"); };
  one.append("of the one\n");
  EXPECT_EQ(read_text_file(folder / "log"), "of the other\nof the one\n");
}

TEST(Files, EmptyFileMapsToNothing) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "empty", "");
  EXPECT_EQ(MappedFile(folder / "empty").bytes().size(), 0u);
}

}  // namespace
}  // namespace molmo
