// Faults of the file system that a test can ask for: the test program's own fsync, close and write stand before libc's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace molmo::testing {

/// Counts calls, and makes the next ones fail with an error number, for as long as it lives.
class FileFaults {
 public:
  FileFaults();
  ~FileFaults();
  FileFaults(const FileFaults&) = delete;
  FileFaults& operator=(const FileFaults&) = delete;

  int fsync_error = 0, close_error = 0, write_error = 0;  ///< errno of calls to come; 0: they work
  int num_bytes_before_error = 0;                         ///< that write() still takes
  int num_file_syncs = 0, num_folder_syncs = 0;
  std::function<void()> before_write;  ///< runs once: what another process does just before the next write()
};

}  // namespace molmo::testing
