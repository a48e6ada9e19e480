// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "molmo/error.h"

namespace molmo {
namespace {

[[noreturn]] void throw_errno(const char* what, const std::filesystem::path& path) {
  throw Error(fmt::format("[file] cannot {} {}: {}", what, path.string(), std::strerror(errno)));
}

// An open descriptor that closes itself, opened for reading a regular file.
class ReadDescriptor {
 public:
  // O_NONBLOCK: a pipe without a writer must not hold the program up before it is refused.
  explicit ReadDescriptor(const std::filesystem::path& path)
      : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
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
Container read_whole(const std::filesystem::path& path) {
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

}  // namespace

std::string read_text_file(const std::filesystem::path& path) { return read_whole<std::string>(path); }

std::vector<uint8_t> read_binary_file(const std::filesystem::path& path) {
  return read_whole<std::vector<uint8_t>>(path);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void sync_directory(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw_errno("open", folder);
  ::fsync(descriptor);  // some network file systems refuse this; the rename is then all there is
  ::close(descriptor);
}

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
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

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + fmt::format(".tmp{}", ::getpid())) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw_errno("write", temporary_);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t num_bytes) {
  const char* cursor = static_cast<const char*>(data);
  while (num_bytes > 0) {
    const ssize_t count = ::write(descriptor_, cursor, num_bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("write", temporary_);
    cursor += count;
    num_bytes -= static_cast<size_t>(count);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL) throw_errno("sync", temporary_);
  ::close(descriptor_);
  descriptor_ = -1;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_errno("rename to", path_);
  sync_directory(path_.parent_path());
}

std::filesystem::path copy_into(const std::filesystem::path& folder, const std::filesystem::path& file) {
  std::filesystem::path copy = folder / file.filename();
  std::error_code absent;
  if (!std::filesystem::equivalent(copy, file, absent)) write_file_atomically(copy, read_text_file(file));
  return copy;
}

}  // namespace molmo
