// SPDX-License-Identifier: Apache-2.0
#include "text/regex_splitter.h"

#include <fmt/format.h>
#include <oniguruma.h>

#include <mutex>

#include "molmo/error.h"
#include "text/unicode.h"

namespace molmo::text {
namespace {

const OnigUChar* as_uchar(const char* p) { return reinterpret_cast<const OnigUChar*>(p); }

std::string error_text(int code, OnigErrorInfo* info = nullptr) {
  OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info ? onig_error_code_to_str(buffer, code, info) : onig_error_code_to_str(buffer, code);
  return std::string(reinterpret_cast<const char*>(buffer), static_cast<size_t>(length));
}

}  // namespace

RegexSplitter::RegexSplitter(const std::string& pattern, const std::string& where) : pattern_(pattern) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
  });
  OnigRegex regex = nullptr;
  OnigErrorInfo info{};
  const int code = onig_new(&regex, as_uchar(pattern.data()), as_uchar(pattern.data() + pattern.size()),
                            ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
  if (code != ONIG_NORMAL) {
    throw Error(fmt::format("[text] {}: bad split pattern '{}': {}", where, pattern, error_text(code, &info)));
  }
  regex_ = std::shared_ptr<void>(regex, [](void* p) { onig_free(static_cast<OnigRegex>(p)); });
}

void RegexSplitter::for_each_piece(std::string_view text,
                                   const std::function<void(std::string_view, bool)>& visit) const {
  const std::unique_ptr<OnigRegion, void (*)(OnigRegion*)> region(onig_region_new(),
                                                                  [](OnigRegion* r) { onig_region_free(r, 1); });
  const OnigUChar *begin = as_uchar(text.data()), *end = begin + text.size();
  size_t done = 0;  // text before this has been visited
  for (size_t from = 0; from < text.size();) {
    const int at = onig_search(static_cast<OnigRegex>(regex_.get()), begin, end, begin + from, end, region.get(),
                               ONIG_OPTION_NONE);
    if (at == ONIG_MISMATCH) break;
    if (at < 0) throw Error(fmt::format("[text] split pattern '{}' failed: {}", pattern_, error_text(at)));
    const size_t match_begin = static_cast<size_t>(region->beg[0]), match_end = static_cast<size_t>(region->end[0]);
    if (match_end == match_begin) {  // an empty match splits nothing: go on after the next character
      if (match_begin >= text.size()) break;
      size_t length;
      decode_char(text.data() + match_begin, &length);
      from = match_begin + length;
      continue;
    }
    if (match_begin > done) visit(text.substr(done, match_begin - done), false);
    visit(text.substr(match_begin, match_end - match_begin), true);
    from = done = match_end;
  }
  if (done < text.size()) visit(text.substr(done), false);
}

}  // namespace molmo::text
