// SPDX-License-Identifier: Apache-2.0
#include "hub/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "hub/content_hash.h"

namespace molmo::hub {
namespace {

namespace fs = std::filesystem;

// The bytes that have come so far, in a file of their own. They are written without a buffer in between, so that its
// size is where a cut transfer goes on, in this process or the next.
class PartialFile : public Body {
 public:
  // `limit`: the file's size if it is known; 0 for none.
  PartialFile(fs::path path, uint64_t limit, Progress& progress)
      : path_(std::move(path)), limit_(limit), progress_(progress) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor_ < 0) fail("write", errno);
    size_ = fs::file_size(path_);
    progress_.found(size_);
  }
  ~PartialFile() override { ::close(descriptor_); }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size() const override { return size_; }

  void append(std::span<const uint8_t> bytes) override {
    if (limit_ > 0 && size_ + bytes.size() > limit_)
      throw Error(fmt::format("[hub] {}: got more than the {} bytes that the hub announced, expected no more",
                              path_.string(), limit_));
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("write", errno);
      bytes = bytes.subspan(static_cast<size_t>(count));
      size_ += static_cast<uint64_t>(count);
      progress_.received(static_cast<uint64_t>(count));
    }
  }

  void clear() override {
    if (::ftruncate(descriptor_, 0) != 0) fail("cut", errno);
    progress_.lost(size_);
    size_ = 0;
  }

  // Before it gets its name: a power cut must not leave a name without bytes.
  void sync() const {
    if (::fsync(descriptor_) != 0 && errno != EINVAL) fail("sync", errno);
  }

 private:
  [[noreturn]] void fail(const char* what, int error) const {
    throw Error(fmt::format("[hub] cannot {} {}: {}{}", what, path_.string(), std::strerror(error),
                            error == ENOSPC || error == EDQUOT ? " (HF_HUB_CACHE names another folder)" : ""));
  }

  fs::path path_;
  uint64_t limit_, size_ = 0;
  Progress& progress_;
  int descriptor_ = -1;
};

std::unique_ptr<FileLock> take_lock(const fs::path& path, const std::string& what) {
  constexpr int kMostTries = 40;  // two seconds without a word
  for (int i = 0; i < kMostTries; ++i) {
    if (std::unique_ptr<FileLock> lock = FileLock::try_take(path)) return lock;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  log_info(fmt::format("[hub] {}: waiting for another process that downloads it", what));
  return std::make_unique<FileLock>(path);
}

// What is wrong with a finished file, or "".
std::string problem_of(const fs::path& path, const std::string& etag, uint64_t size, bool needs_proof) {
  const uint64_t found = fs::file_size(path);
  if (size > 0 && found != size) return fmt::format("got {} bytes, expected {}", found, size);
  switch (compare_with_etag(path, etag)) {
    case HashCheck::kSame:
      return "";
    case HashCheck::kDiffers:
      return fmt::format("got {} bytes with sha256 {}, expected hash {}", found, sha256_of_file(path), etag);
    case HashCheck::kUnknown:
      break;
  }
  return needs_proof && size == 0 ? fmt::format("got {} bytes and nothing to check them by", found) : "";
}

// One try. Returns what is wrong with what came, or "".
std::string fill(RepoFiles& hub, const RepoFile& file, PartialFile& partial, const fs::path& path) {
  if (file.size > 0 && partial.size() > file.size) partial.clear();  // something else
  uint64_t size = file.size;
  bool is_at_end = false;
  for (bool gets_on = size == 0 || partial.size() < size; gets_on;) {
    const uint64_t before = partial.size();
    const HttpResponse response = hub.get(file, partial);
    is_at_end = response.status == 416;  // nothing after what is there: complete, or too long
    if (is_at_end && size == 0) size = response.headers.range_total().value_or(0);
    gets_on = partial.size() > before && partial.size() < size;  // an answer of a part, or one that was cut unnoticed
  }
  partial.sync();
  return problem_of(path, file.etag, size, is_at_end);
}

bool has_blob(const fs::path& blob, const RepoFile& file, const std::string& what) {
  std::error_code absent;
  const uint64_t size = fs::file_size(blob, absent);
  if (absent) return false;
  if (size > 0 && (file.size == 0 || size == file.size)) return true;
  log_warning(fmt::format("[hub] {}: the cache has {} bytes, expected {}; once more", what, size, file.size));
  return false;
}

}  // namespace

void download_blob(RepoFiles& hub, const RepoCache& cache, const RepoFile& file, Progress& progress) {
  const std::string& what = file.where;
  const fs::path blob = cache.blob(file.etag), path = blob.string() + ".incomplete";
  // It is locked where Hugging Face's own programs lock it.
  const std::unique_ptr<FileLock> lock = take_lock(cache.lock(file.etag), what);
  if (has_blob(blob, file, what)) return progress.found(fs::file_size(blob));
  for (;;) {
    PartialFile partial(path, file.size, progress);
    const bool goes_on = partial.size() > 0;
    const std::string problem = fill(hub, file, partial, path);
    if (problem.empty()) break;
    partial.clear();
    fs::remove(path);
    if (!goes_on) throw Error(fmt::format("[hub] {}: {}; the download was thrown away", what, problem));
    log_warning(fmt::format("[hub] {}: {}; what an earlier run had left is thrown away", what, problem));
  }
  fs::rename(path, blob);
  sync_directory(blob.parent_path());
}

}  // namespace molmo::hub
