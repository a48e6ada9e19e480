// A lock among processes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace molmo {

/// Holds a file locked for as long as it lives, against other processes and other locks of this one; waits for whoever
/// holds it (flock). The file and its folder are made where they are absent, and stay. Error if it cannot be opened.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace molmo
