// SPDX-License-Identifier: Apache-2.0
#include "base/file_faults.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace {

molmo::testing::FileFaults* faults = nullptr;

int fail(int error) { return errno = error, -1; }

}  // namespace

extern "C" int fsync(int descriptor) {
  if (faults != nullptr) {
    struct stat status {};
    ::fstat(descriptor, &status);
    ++(S_ISDIR(status.st_mode) ? faults->num_folder_syncs : faults->num_file_syncs);
    if (faults->fsync_error != 0) return fail(faults->fsync_error);
  }
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

extern "C" int close(int descriptor) {
  const auto status = static_cast<int>(::syscall(SYS_close, descriptor));
  return faults != nullptr && faults->close_error != 0 ? fail(faults->close_error) : status;
}

extern "C" ssize_t write(int descriptor, const void* data, size_t count) {
  if (faults != nullptr && faults->before_write) std::exchange(faults->before_write, nullptr)();
  if (faults != nullptr && faults->write_error != 0) {
    if (faults->num_bytes_before_error == 0) return fail(faults->write_error);
    count = std::min(count, static_cast<size_t>(faults->num_bytes_before_error));
    faults->num_bytes_before_error -= static_cast<int>(count);
  }
  return ::syscall(SYS_write, descriptor, data, count);
}

namespace molmo::testing {

FileFaults::FileFaults() { faults = this; }
FileFaults::~FileFaults() { faults = nullptr; }

}  // namespace molmo::testing
