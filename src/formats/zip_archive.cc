// SPDX-License-Identifier: Apache-2.0
#include "formats/zip_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "molmo/error.h"

namespace molmo::formats {
namespace {

constexpr uint32_t kLocalMagic = 0x04034b50, kEntryMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr size_t kEndSize = 22, kLocator64Size = 20, kEnd64Size = 56, kEntrySize = 46, kLocalSize = 30;
constexpr size_t kLongestComment = 0xffff;
constexpr uint16_t kExtra64 = 0x0001;   // id of the extra field with 64-bit sizes
constexpr uint32_t kIn64 = 0xffffffff;  // a 32-bit size that says: look there

class Reader {
 public:
  Reader(std::span<const uint8_t> file, const std::string& where) : file_(file), where_(where) {}

  [[noreturn]] void fail(const std::string& what) const { throw Error(fmt::format("[zip] {}: {}", where_, what)); }

  std::span<const uint8_t> bytes(uint64_t offset, uint64_t size) const {
    if (offset > file_.size() || size > file_.size() - offset)
      fail(fmt::format("{} bytes at {}, expected inside the {} bytes of the file", size, offset, file_.size()));
    return file_.subspan(offset, size);
  }

  template <class T>
  T number(uint64_t offset) const {
    T value;
    std::memcpy(&value, bytes(offset, sizeof value).data(), sizeof value);
    return value;
  }

  uint64_t size() const { return file_.size(); }

 private:
  std::span<const uint8_t> file_;
  const std::string& where_;
};

struct Directory {
  uint64_t offset = 0, num_entries = 0;
};

Directory find_directory(const Reader& reader) {
  const uint64_t first = reader.size() - std::min<uint64_t>(reader.size(), kEndSize + kLongestComment);
  for (uint64_t end = reader.size() < kEndSize ? 0 : reader.size() - kEndSize + 1; end-- > first;) {
    if (reader.number<uint32_t>(end) != kEndMagic) continue;
    if (end >= kLocator64Size && reader.number<uint32_t>(end - kLocator64Size) == kLocator64Magic) {
      const auto end64 = reader.number<uint64_t>(end - kLocator64Size + 8);
      if (reader.bytes(end64, kEnd64Size).empty() || reader.number<uint32_t>(end64) != kEnd64Magic)
        reader.fail("no zip64 directory where it is promised");
      return {.offset = reader.number<uint64_t>(end64 + 48), .num_entries = reader.number<uint64_t>(end64 + 32)};
    }
    return {.offset = reader.number<uint32_t>(end + 16), .num_entries = reader.number<uint16_t>(end + 10)};
  }
  reader.fail("no zip directory, expected a file of torch.save (is it complete?)");
}

// The sizes of an entry; those that do not fit 32 bits stand in an extra field, in this order.
struct Sizes {
  uint64_t plain, packed, offset;
};

Sizes read_sizes(const Reader& reader, uint64_t entry, uint64_t extra, uint16_t extra_size) {
  Sizes sizes{.plain = reader.number<uint32_t>(entry + 24),
              .packed = reader.number<uint32_t>(entry + 20),
              .offset = reader.number<uint32_t>(entry + 42)};
  const uint64_t end = extra + extra_size;
  while (extra + 4 <= end) {
    const auto id = reader.number<uint16_t>(extra), length = reader.number<uint16_t>(extra + 2);
    uint64_t at = extra + 4;
    if (id == kExtra64) {
      for (uint64_t* size : {&sizes.plain, &sizes.packed, &sizes.offset}) {
        if (*size != kIn64 || at + 8 > extra + 4 + length) continue;
        *size = reader.number<uint64_t>(at);
        at += 8;
      }
    }
    extra += 4 + uint64_t{length};
  }
  return sizes;
}

}  // namespace

bool looks_like_zip(std::span<const uint8_t> file) {
  uint32_t magic = 0;
  if (file.size() >= sizeof magic) std::memcpy(&magic, file.data(), sizeof magic);
  return magic == kLocalMagic;
}

std::map<std::string, std::span<const uint8_t>> zip_members(std::span<const uint8_t> file, const std::string& where) {
  const Reader reader(file, where);
  const Directory directory = find_directory(reader);
  std::map<std::string, std::span<const uint8_t>> members;
  uint64_t entry = directory.offset;
  for (uint64_t i = 0; i < directory.num_entries; ++i) {
    reader.bytes(entry, kEntrySize);
    if (reader.number<uint32_t>(entry) != kEntryMagic) reader.fail(fmt::format("no directory entry at byte {}", entry));
    const auto flags = reader.number<uint16_t>(entry + 8), method = reader.number<uint16_t>(entry + 10);
    const auto name_size = reader.number<uint16_t>(entry + 28), extra_size = reader.number<uint16_t>(entry + 30),
               comment_size = reader.number<uint16_t>(entry + 32);
    const auto name_bytes = reader.bytes(entry + kEntrySize, name_size);
    const std::string name(name_bytes.begin(), name_bytes.end());
    const Sizes sizes = read_sizes(reader, entry, entry + kEntrySize + name_size, extra_size);
    if (method != 0 || (flags & 1) != 0 || sizes.plain != sizes.packed)
      reader.fail(fmt::format("member '{}' is compressed or encrypted, expected plain data", name));
    reader.bytes(sizes.offset, kLocalSize);
    if (reader.number<uint32_t>(sizes.offset) != kLocalMagic)
      reader.fail(fmt::format("no member at byte {}", sizes.offset));
    const uint64_t data = sizes.offset + kLocalSize + reader.number<uint16_t>(sizes.offset + 26) +
                          reader.number<uint16_t>(sizes.offset + 28);
    if (!members.emplace(name, reader.bytes(data, sizes.plain)).second)
      reader.fail(fmt::format("member '{}' is duplicated", name));
    entry += kEntrySize + uint64_t{name_size} + extra_size + comment_size;
  }
  return members;
}

}  // namespace molmo::formats
