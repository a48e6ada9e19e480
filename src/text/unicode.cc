// SPDX-License-Identifier: Apache-2.0
#include "text/unicode.h"

#include <utf8proc.h>

#include <cstring>

#include "base/check.h"
#include "text/char_table.h"

namespace molmo::text {
namespace {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// A maximal subpart: how many bytes belong together, and whether they are a character, the beginning of one that the
// text cuts off, or ill-formed.
struct Subpart {
  size_t length;
  enum { kCharacter, kIncomplete, kIllFormed } kind;
};

// The range of a second byte depends on the first (no overlong forms, no surrogates, nothing above U+10FFFF).
Subpart read_subpart(const unsigned char* p, size_t size) {
  const unsigned char first = p[0];
  if (first < 0x80) return {1, Subpart::kCharacter};
  if (first < 0xC2 || first > 0xF4) return {1, Subpart::kIllFormed};
  const size_t needed = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  unsigned char low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  for (size_t i = 1; i < needed; ++i) {
    if (i == size) return {i, Subpart::kIncomplete};
    if (p[i] < low || p[i] > high) return {i, Subpart::kIllFormed};
    low = 0x80, high = 0xBF;
  }
  return {needed, Subpart::kCharacter};
}

size_t ascii_run(const char* p, size_t size) {
  size_t i = 0;
  for (uint64_t word; i + 8 <= size; i += 8) {
    std::memcpy(&word, p + i, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (i < size && static_cast<signed char>(p[i]) >= 0) ++i;
  return i;
}

// PARITY: the reference's stream decoder (Python's) waits for the third byte of an encoded surrogate before it gives
// up.
bool is_cut_surrogate(std::string_view bytes) {
  return bytes.size() == 2 && bytes[0] == '\xED' && static_cast<unsigned char>(bytes[1]) >= 0xA0 &&
         static_cast<unsigned char>(bytes[1]) <= 0xBF;
}

// NFC of one segment: a character that nothing before it can join, and what follows up to the next such character.
void append_nfc_segment(std::string_view segment, std::string* normalized) {
  thread_local std::vector<utf8proc_int32_t> buffer;
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  buffer.resize(segment.size() * 4 + 16);
  utf8proc_ssize_t count = utf8proc_decompose(reinterpret_cast<const utf8proc_uint8_t*>(segment.data()),
                                              static_cast<utf8proc_ssize_t>(segment.size()), buffer.data(),
                                              static_cast<utf8proc_ssize_t>(buffer.size()), kOptions);
  MOLMO_CHECK(count >= 0 && static_cast<size_t>(count) <= buffer.size());
  count = utf8proc_normalize_utf32(buffer.data(), count, kOptions);
  for (utf8proc_ssize_t i = 0; i < count; ++i) append_utf8(static_cast<char32_t>(buffer[i]), normalized);
}

// Start of the last character of non-empty well-formed text.
size_t last_char(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool is_word_char(const char* p) {
  size_t length;
  const char32_t c = decode_char(p, &length);
  if (c == 0x200C || c == 0x200D || char_table().char_class(c) == kLetter) return true;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_NL) || category == UTF8PROC_CATEGORY_PC;
}

}  // namespace

void append_utf8(char32_t c, std::string* text) {
  const auto put = [text](char32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
}

TextScan scan_text(std::string_view text) {
  const CharTable& table = char_table();
  uint8_t seen = 0;
  for (size_t i = 0; i < text.size();) {
    i += ascii_run(text.data() + i, text.size() - i);
    while (i < text.size() && static_cast<signed char>(text[i]) < 0) {
      const Subpart part = read_subpart(reinterpret_cast<const unsigned char*>(text.data()) + i, text.size() - i);
      if (part.kind != Subpart::kCharacter) return {false, false};
      size_t length;
      seen |= table.flags(decode_char(text.data() + i, &length));
      i += length;
    }
  }
  return {true, (seen & CharTable::kNfcCheck) == 0};
}

size_t append_well_formed(std::string_view bytes, Replacement replacement, bool at_end, std::string* text) {
  size_t done = 0;  // copied so far; the characters from here to i are well-formed
  for (size_t i = 0; i < bytes.size();) {
    const Subpart part = read_subpart(reinterpret_cast<const unsigned char*>(bytes.data()) + i, bytes.size() - i);
    if (part.kind == Subpart::kCharacter) {
      i += part.length;
      if (i < bytes.size()) continue;
    }
    text->append(bytes, done, i - done);
    done = i;
    if (part.kind == Subpart::kCharacter) break;
    if (!at_end && (part.kind == Subpart::kIncomplete || is_cut_surrogate(bytes.substr(i)))) break;
    const size_t used = replacement == Replacement::kPerByte ? 1 : part.length;
    text->append(kReplacementCharacter);
    done = i += used;
  }
  return done;
}

std::string replace_ill_formed(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 16);
  append_well_formed(text, Replacement::kPerSubpart, /*at_end=*/true, &result);
  return result;
}

void append_nfc(std::string_view text, std::string* normalized) {
  const CharTable& table = char_table();
  size_t done = 0,
         boundary = 0;  // text before `done` is written; `boundary` is the start of the last character before i
  for (size_t i = 0; i < text.size();) {
    size_t length;
    if (!(table.flags(decode_char(text.data() + i, &length)) & CharTable::kNfcCheck)) {
      boundary = i;
      i += length;
      continue;
    }
    size_t end = i;  // of the segment: up to the next character that joins nothing before it
    uint8_t flags = 0;
    while (end < text.size()) {
      flags = table.flags(decode_char(text.data() + end, &length));
      if (!(flags & CharTable::kNfcCheck) || (flags & CharTable::kNfcIsolated)) break;
      end += length;
    }
    const size_t begin = std::max(done, boundary);
    normalized->append(text, done, begin - done);
    append_nfc_segment(text.substr(begin, end - begin), normalized);
    done = end;
    while (done < text.size() && (table.flags(decode_char(text.data() + done, &length)) & CharTable::kNfcIsolated)) {
      normalized->append(text, done, length);
      done += length;
    }
    boundary = i = done;
  }
  normalized->append(text, done);
}

size_t leading_space(std::string_view text) {
  size_t at = 0, length;
  while (at < text.size() && char_table().char_class(decode_char(text.data() + at, &length)) == kSpace) at += length;
  return at;
}

size_t trailing_space(std::string_view text) {
  size_t end = text.size(), length;
  while (end > 0) {
    const size_t at = last_char(text.substr(0, end));
    if (char_table().char_class(decode_char(text.data() + at, &length)) != kSpace) break;
    end = at;
  }
  return text.size() - end;
}

bool begins_with_word(std::string_view text) { return !text.empty() && is_word_char(text.data()); }
bool ends_with_word(std::string_view text) { return !text.empty() && is_word_char(text.data() + last_char(text)); }

}  // namespace molmo::text
