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
namespace {

// A file system without locks (some network mounts) is no reason to refuse work that is rarely done twice at once.
// Returns false where others hold the lock, which only LOCK_NB does not wait for.
bool take(int descriptor, int operation) {
  int status = 0;
  do {
    status = ::flock(descriptor, operation);
  } while (status != 0 && errno == EINTR);
  return status == 0 || errno != EWOULDBLOCK;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& path, Open) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  // What may only be read, a folder or somebody else's lock file, can be locked all the same.
  if (descriptor_ < 0 && (errno == EISDIR || errno == EACCES || errno == EROFS))
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw Error(fmt::format("[file] cannot open {}: {}", path.string(), std::strerror(errno)));
}

FileLock::FileLock(const std::filesystem::path& path) : FileLock(path, Open{}) { take(descriptor_, LOCK_EX); }

std::unique_ptr<FileLock> FileLock::try_take(const std::filesystem::path& path) {
  std::unique_ptr<FileLock> lock(new FileLock(path, Open{}));
  return take(lock->descriptor_, LOCK_EX | LOCK_NB) ? std::move(lock) : nullptr;
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace molmo
