// SPDX-License-Identifier: Apache-2.0
#include "base/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "molmo/error.h"

namespace molmo {

FileLock::FileLock(const std::filesystem::path& path) {
  std::filesystem::create_directories(path.parent_path());
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw Error(fmt::format("[file] cannot open {}: {}", path.string(), std::strerror(errno)));
  int status = 0;
  do {
    status = ::flock(descriptor_, LOCK_EX);
  } while (status != 0 && errno == EINTR);
  // A file system without locks (some network mounts) is no reason to refuse work that is rarely done twice at once.
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace molmo
