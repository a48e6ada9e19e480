// A lock among processes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

namespace molmo {

/// Holds a file locked for as long as it lives, against other processes and other locks of this one; waits for whoever
/// holds it (flock). The file and its folder are made where they are absent, and stay; a folder can be locked itself,
/// and then nothing is made. Error if it cannot be opened.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);
  /// Null where somebody else holds it.
  static std::unique_ptr<FileLock> try_take(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  struct Open {};
  FileLock(const std::filesystem::path& path, Open);

  int descriptor_ = -1;
};

}  // namespace molmo
