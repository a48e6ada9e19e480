// Files: whole reads, read-only maps, and writes that are complete, or absent with an error.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace molmo {

/// Reads a file as text. Throws Error naming the path.
std::string read_text_file(const std::filesystem::path& path);

/// Reads a file as bytes. Throws Error naming the path.
std::vector<uint8_t> read_binary_file(const std::filesystem::path& path);

/// Writes `content` to a temporary file beside `path`, syncs it, and renames it into place.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Writes `content` to `path` as it stands there, without syncing: for files that can be made again. What cannot be
/// written whole is removed, with an Error.
void write_file(const std::filesystem::path& path, std::string_view content);

/// Makes a folder's entries durable (fsync of the directory).
void sync_directory(const std::filesystem::path& folder);

/// A read-only memory map of a whole file. An empty file maps to an empty span.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

/// Tells the kernel that pages of a map will not be read again soon: they no longer count as this process's memory.
void release_pages(std::span<const uint8_t> bytes);

/// Writes a file in pieces under a temporary name in the same folder; it appears under `path` only when commit() has
/// synced and renamed it. Every failure (a full disk, a limit, a device) is an Error that names `path`.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();  ///< removes the temporary file unless committed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t num_bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

/// Whether a file of this name was being written by an AtomicFile. Where no writer is alive it is a killed one's
/// leftover, which the owner of the folder may remove.
bool is_temporary_name(std::string_view file_name);

/// A file that grows, for logs and records: what is appended is there when append() returns, whole; where there is no
/// room for all of it, none of it stays. Every failure is an Error that names the file.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);  ///< made where it is absent
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&&) = delete;

  void append(std::string_view text);
  void sync();   ///< to the disk: what is there survives a crash of the machine
  void close();  ///< Tells of what a network file system only notices now. Nothing can be appended afterwards.
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Copies a small file into a folder, under its name, unless it lies there already. Returns where it lies.
std::filesystem::path copy_into(const std::filesystem::path& folder, const std::filesystem::path& file);

}  // namespace molmo
