// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_model.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "molmo/error.h"

namespace molmo::text {
namespace {

// The length-delimited fields of a protobuf message, one after the other; the others are skipped.
class Fields {
 public:
  struct Field {
    uint64_t number;
    std::string_view bytes;
  };

  explicit Fields(std::string_view message) : rest_(message) {}

  std::optional<Field> next() {
    while (!rest_.empty()) {
      const std::optional<uint64_t> tag = varint();
      if (!tag) return std::nullopt;
      switch (*tag & 7) {
        case 0:
          if (!varint()) return std::nullopt;
          break;
        case 1:
          if (!take(8)) return std::nullopt;
          break;
        case 2:
          if (const auto length = varint(); length)
            if (const auto bytes = take(*length); bytes) return Field{*tag >> 3, *bytes};
          return std::nullopt;
        case 5:
          if (!take(4)) return std::nullopt;
          break;
        default:  // groups, which the library's parser refuses or skips; nothing after them is a table of ours
          return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift < 64) value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> take(uint64_t length) {
    if (length > rest_.size()) return std::nullopt;
    const std::string_view bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return bytes;
  }

  std::string_view rest_;
};

// A unit of the double array (darts-clone): the label of the edge that leads here, and where the edges from here are.
struct Unit {
  uint32_t bits;
  bool has_leaf() const { return (bits >> 8 & 1) != 0; }
  uint32_t value() const { return bits & 0x7FFFFFFFu; }
  uint32_t label() const { return bits & 0x800000FFu; }
  uint32_t offset() const { return bits >> 10 << ((bits & 0x200u) >> 6); }
};

// Whether no walk along the trie, whatever the text, leaves the array or gives a value beyond the texts.
bool is_sound_trie(const std::vector<Unit>& units, size_t num_text_bytes) {
  std::vector<bool> is_seen(units.size());
  std::vector<uint32_t> open;  // places from which an edge is taken by xor with a byte
  const auto visit = [&](uint32_t from) {
    if ((from | 0xFFu) >= units.size()) return false;
    if (!is_seen[from]) is_seen[from] = true, open.push_back(from);
    return true;
  };
  if (!visit(units[0].offset())) return false;
  while (!open.empty()) {
    const uint32_t from = open.back();
    open.pop_back();
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t at = from ^ byte;
      const Unit unit = units[at];
      if (unit.label() != byte) continue;
      const uint32_t next = at ^ unit.offset();
      if (!visit(next)) return false;
      if (unit.has_leaf() && units[next].value() >= num_text_bytes) return false;
    }
  }
  return true;
}

// Bytes of the trie (32 bits), the trie, and zero-terminated texts.
bool is_sound_table(std::string_view table) {
  if (table.empty()) return true;
  uint32_t num_bytes = 0;
  if (table.size() <= sizeof num_bytes) return false;
  std::memcpy(&num_bytes, table.data(), sizeof num_bytes);
  table.remove_prefix(sizeof num_bytes);
  if (num_bytes == 0 || num_bytes >= table.size() || num_bytes % sizeof(Unit) != 0 || table.back() != '\0')
    return false;
  std::vector<Unit> units(num_bytes / sizeof(Unit));
  std::memcpy(units.data(), table.data(), num_bytes);
  return is_sound_trie(units, table.size() - num_bytes);
}

}  // namespace

void expect_sound_tables(std::string_view model, const std::string& where) {
  constexpr uint64_t kNormalizer = 3, kDenormalizer = 5, kTable = 2;
  for (Fields fields(model); const auto field = fields.next();) {
    if (field->number != kNormalizer && field->number != kDenormalizer) continue;
    for (Fields spec(field->bytes); const auto part = spec.next();) {
      if (part->number == kTable && !is_sound_table(part->bytes))
        throw Error(fmt::format("[text] {}: not a SentencePiece model: damaged normalisation table", where));
    }
  }
}

}  // namespace molmo::text
