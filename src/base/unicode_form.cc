// SPDX-License-Identifier: Apache-2.0
#include "base/unicode_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/unicode_text.h"

namespace molmo::unicode {
namespace {

// Marks are put in order by swapping neighbours, in time that grows with the square of a run.
constexpr size_t kMostMarks = 64;
constexpr size_t kLongestForm = 32;  // code points that one character comes apart into

bool differs_in_form_alone(char32_t c) {
  switch (utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->decomp_type) {
    case UTF8PROC_DECOMP_TYPE_FONT:
    case UTF8PROC_DECOMP_TYPE_NOBREAK:
    case UTF8PROC_DECOMP_TYPE_INITIAL:
    case UTF8PROC_DECOMP_TYPE_MEDIAL:
    case UTF8PROC_DECOMP_TYPE_FINAL:
    case UTF8PROC_DECOMP_TYPE_ISOLATED:
    case UTF8PROC_DECOMP_TYPE_VERTICAL:
    case UTF8PROC_DECOMP_TYPE_WIDE:
    case UTF8PROC_DECOMP_TYPE_NARROW:
    case UTF8PROC_DECOMP_TYPE_SMALL:
    case UTF8PROC_DECOMP_TYPE_COMPAT:
      return true;
    default:
      return false;
  }
}

void append_plain(char32_t c, std::u32string& out) {
  utf8proc_int32_t parts[kLongestForm];
  int boundary = 0;
  const auto count =
      differs_in_form_alone(c)
          ? utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, kLongestForm,
                                    static_cast<utf8proc_option_t>(UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE), &boundary)
          : 0;
  if (count < 1 || count > static_cast<utf8proc_ssize_t>(kLongestForm)) {
    out += c;
    return;
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) out += static_cast<char32_t>(parts[i]);
}

size_t longest_run_of_marks(std::u32string_view text) {
  size_t longest = 0, run = 0;
  for (const char32_t c : text) {
    const bool is_mark = utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class != 0;
    run = is_mark ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

}  // namespace

std::u32string plain_form(std::u32string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; })) return std::u32string(text);
  std::u32string plain;
  plain.reserve(text.size());
  for (const char32_t c : text) append_plain(c, plain);
  if (longest_run_of_marks(plain) > kMostMarks) return plain;
  const std::string bytes = encode_utf8(plain);
  utf8proc_uint8_t* composed = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()), static_cast<utf8proc_ssize_t>(bytes.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, std::free);
  if (size < 0) return plain;
  return decode_utf8({reinterpret_cast<const char*>(composed), static_cast<size_t>(size)});
}

}  // namespace molmo::unicode
