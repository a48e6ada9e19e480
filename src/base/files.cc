// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "molmo/error.h"

namespace molmo {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_errno(const char* what, const fs::path& path) {
  throw Error(fmt::format("[file] cannot {} {}: {}", what, path.string(), std::strerror(errno)));
}

// An open descriptor that closes itself, opened for reading a regular file.
class ReadDescriptor {
 public:
  // O_NONBLOCK: a pipe without a writer must not hold the program up before it is refused.
  explicit ReadDescriptor(const fs::path& path) : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (value_ < 0) throw_errno("open", path);
    struct stat status {};
    if (::fstat(value_, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(value_);
      throw Error(fmt::format("[file] cannot read {}: it is a {}, expected a regular file", path.string(),
                              S_ISDIR(status.st_mode) ? "folder" : "device or pipe"));
    }
    size_ = static_cast<size_t>(status.st_size);
  }
  ~ReadDescriptor() { ::close(value_); }
  int value() const { return value_; }
  size_t size() const { return size_; }

 private:
  int value_;
  size_t size_ = 0;
};

template <class Container>
Container read_whole(const fs::path& path) {
  const ReadDescriptor file(path);
  Container content;
  content.resize(file.size());
  size_t done = 0;
  for (;;) {
    if (done == content.size()) content.resize(done + 4096);  // also reads files that grow
    const ssize_t count = ::read(file.value(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("read", path);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  content.resize(done);
  return content;
}

constexpr std::string_view kTemporaryMark = ".tmp", kHexDigits = "0123456789abcdef";
constexpr size_t kTemporaryDigits = 16, kLongestName = 255;
constexpr mode_t kMode = 0666;  // less what the umask takes

[[noreturn]] void fail_to_write(const fs::path& path, int error) {
  throw Error(fmt::format("[file] cannot write {}: {}", path.string(), std::strerror(error)));
}

// 0, or the error number.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return 0;
}

// Some file systems cannot sync; writing there is all that can be done.
bool is_unsupported(int error) { return error == EINVAL || error == ENOTSUP || error == ENOSYS; }

int sync_file(int descriptor) {
  int status = 0;
  do {
    status = ::fsync(descriptor);
  } while (status != 0 && errno == EINTR);
  return status == 0 || is_unsupported(errno) ? 0 : errno;
}

// Network file systems report a full disk here. The descriptor is gone whatever close() says.
int close_file(int& descriptor) {
  const int status = ::close(std::exchange(descriptor, -1));
  return status == 0 || errno == EINTR ? 0 : errno;
}

// Drawn by the kernel: process numbers repeat among the hosts of a shared file system.
std::string temporary_name(const std::string& name) {
  std::array<unsigned char, kTemporaryDigits / 2> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) fail_to_write(name, errno);
  std::string made = name.substr(0, kLongestName - kTemporaryMark.size() - kTemporaryDigits);
  made += kTemporaryMark;
  for (const unsigned char byte : random) made += {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
  return made;
}

}  // namespace

std::string read_text_file(const fs::path& path) { return read_whole<std::string>(path); }

std::vector<uint8_t> read_binary_file(const fs::path& path) { return read_whole<std::vector<uint8_t>>(path); }

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const ReadDescriptor file(path);
  size_ = file.size();
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value(), 0);
  if (address == MAP_FAILED) throw_errno("map", path);
  data_ = static_cast<const uint8_t*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<uint8_t*>(data_), size_);
}

void release_pages(std::span<const uint8_t> bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;  // whole pages only
  const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

bool is_temporary_name(std::string_view file_name) {
  constexpr size_t kEnd = kTemporaryMark.size() + kTemporaryDigits;
  if (file_name.size() <= kEnd) return false;
  const std::string_view end = file_name.substr(file_name.size() - kEnd);
  return end.starts_with(kTemporaryMark) && end.find_first_not_of(kHexDigits, kTemporaryMark.size()) == end.npos;
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void write_file(const fs::path& path, std::string_view content) {
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (descriptor < 0) fail_to_write(path, errno);
  int error = write_all(descriptor, content);
  const int close_error = close_file(descriptor);
  if (error == 0) error = close_error;
  if (error == 0) return;
  ::unlink(path.c_str());
  fail_to_write(path, error);
}

void sync_directory(const fs::path& folder) {
  int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 && errno == EACCES) return;  // one may write there, but not read
  if (descriptor < 0) fail_to_write(folder, errno);
  const int error = sync_file(descriptor);
  close_file(descriptor);
  if (error != 0) fail_to_write(folder, error);
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  do {  // O_EXCL: neither another's file nor a link that lies there is written to
    temporary_ = path_.parent_path() / temporary_name(path_.filename().string());
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) fail_to_write(path_, errno);
}

AtomicFile::~AtomicFile() {
  if (temporary_.empty()) return;
  if (descriptor_ >= 0) close_file(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t num_bytes) {
  if (const int error = write_all(descriptor_, {static_cast<const char*>(data), num_bytes}); error != 0)
    fail_to_write(path_, error);
}

void AtomicFile::commit() {
  if (const int error = sync_file(descriptor_); error != 0) fail_to_write(path_, error);
  if (const int error = close_file(descriptor_); error != 0) fail_to_write(path_, error);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_to_write(path_, errno);
  temporary_.clear();
  sync_directory(path_.parent_path());
}

AppendFile::AppendFile(fs::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kMode);
  if (descriptor_ < 0) fail_to_write(path_, errno);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) close_file(descriptor_);
}

void AppendFile::append(std::string_view text) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  const int error = write_all(descriptor_, text);
  if (error == 0) return;
  if (before >= 0 && ::ftruncate(descriptor_, before) != 0) {
    // A torn end stays; who reads such files drops it.
  }
  fail_to_write(path_, error);
}

void AppendFile::sync() {
  if (const int error = sync_file(descriptor_); error != 0) fail_to_write(path_, error);
}

void AppendFile::close() {
  if (const int error = close_file(descriptor_); error != 0) fail_to_write(path_, error);
}

fs::path copy_into(const fs::path& folder, const fs::path& file) {
  fs::path copy = folder / file.filename();
  std::error_code absent;
  if (!fs::equivalent(copy, file, absent)) write_file_atomically(copy, read_text_file(file));
  return copy;
}

}  // namespace molmo
