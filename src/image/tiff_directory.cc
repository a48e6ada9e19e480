// SPDX-License-Identifier: Apache-2.0
#include "image/tiff_directory.h"

#include <algorithm>

namespace molmo::image {
namespace {

// Bytes of one value of a type; 0: unknown.
size_t type_size(uint64_t type) {
  constexpr uint8_t kSizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
  return type < sizeof kSizes ? kSizes[type] : 0;
}

bool is_signed(uint16_t type) { return type == 6 || type == 8 || type == 9; }
// Bytes (type 1) are text for the reference.
bool is_integer(uint16_t type) { return type == 3 || type == 4 || type == 13 || type == 16 || is_signed(type); }

constexpr size_t kMostValues = size_t{3} << 16;  // a palette of 16 bits

}  // namespace

std::optional<TiffDirectory> TiffDirectory::read(std::span<const uint8_t> bytes) {
  if (bytes.size() < 8 || bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M')) return std::nullopt;
  TiffDirectory directory(bytes, bytes[0] == 'M');
  const uint64_t version = *directory.read_at(2, 2);
  const bool is_big_tiff = version == 43;
  if ((version != 42 && version != 0x2a00 && !is_big_tiff) || (is_big_tiff && bytes.size() < 16)) return std::nullopt;
  directory.read_fields(is_big_tiff);
  return directory;
}

size_t TiffDirectory::count(uint16_t tag) const {
  const auto found = fields_.find(tag);
  if (found == fields_.end() || !is_integer(found->second.type)) return 0;
  return found->second.data.size() / type_size(found->second.type);
}

std::optional<int64_t> TiffDirectory::value_at(uint16_t tag, size_t index) const {
  if (index >= count(tag)) return std::nullopt;
  const Field& field = fields_.at(tag);
  const size_t size = type_size(field.type);
  const uint64_t value = read_integer(field.data.subspan(index * size, size));
  const unsigned unused = static_cast<unsigned>(64 - 8 * size);
  return is_signed(field.type) ? static_cast<int64_t>(value << unused) >> unused : static_cast<int64_t>(value);
}

std::vector<int64_t> TiffDirectory::values(uint16_t tag) const {
  std::vector<int64_t> values(std::min(count(tag), kMostValues));
  for (size_t i = 0; i < values.size(); ++i) values[i] = *value_at(tag, i);
  return values;
}

int64_t TiffDirectory::value(uint16_t tag, int64_t absent) const { return value_at(tag, 0).value_or(absent); }

std::span<const uint8_t> TiffDirectory::data(uint16_t tag) const {
  const auto found = fields_.find(tag);
  return found == fields_.end() ? std::span<const uint8_t>() : found->second.data;
}

uint64_t TiffDirectory::read_integer(std::span<const uint8_t> bytes) const {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value = value << 8 | bytes[is_big_endian_ ? i : bytes.size() - 1 - i];
  return value;
}

std::optional<uint64_t> TiffDirectory::read_at(uint64_t offset, size_t size) const {
  if (offset > bytes_.size() || bytes_.size() - offset < size) return std::nullopt;
  return read_integer(bytes_.subspan(offset, size));
}

void TiffDirectory::read_fields(bool is_big_tiff) {
  const uint64_t start = is_big_tiff ? *read_at(8, 8) : *read_at(4, 4);
  const size_t count_size = is_big_tiff ? 8 : 2, entry_size = is_big_tiff ? 20 : 12;
  const uint64_t num_entries = read_at(start, count_size).value_or(0);
  for (uint64_t i = 0, entry = start + count_size; i < num_entries; ++i, entry += entry_size) {
    if (!read_at(entry, entry_size) || !read_field(entry, is_big_tiff)) return;
  }
}

// False where the file ends before the field's data.
bool TiffDirectory::read_field(uint64_t entry, bool is_big_tiff) {
  const auto tag = static_cast<uint16_t>(*read_at(entry, 2)), type = static_cast<uint16_t>(*read_at(entry + 2, 2));
  const size_t word = is_big_tiff ? 8 : 4, size = type_size(type);
  const uint64_t count = *read_at(entry + 4, word);
  if (fields_.contains(tag) || size == 0 || count == 0) return true;
  const bool is_inline = count <= word / size;
  if (!is_inline) {  // values that together are more than the file are skipped
    const uint64_t room = bytes_.size() - std::min<uint64_t>(bytes_.size(), num_value_bytes_);
    num_value_bytes_ = count > room / size ? bytes_.size() + 1 : num_value_bytes_ + count * size;
    if (num_value_bytes_ > bytes_.size()) return true;
  }
  const uint64_t offset = is_inline ? entry + 4 + word : *read_at(entry + 4 + word, word);
  if (offset > bytes_.size() || bytes_.size() - offset < count * size) return false;
  fields_[tag] = {type, bytes_.subspan(offset, count * size)};
  return true;
}

}  // namespace molmo::image
