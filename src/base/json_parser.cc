// nlohmann's lexer gives the events, from which the tree is built here: its own builder keeps the last of equal keys,
// and recursive code (copying, printing) would run out of stack on what it nests.
// SPDX-License-Identifier: Apache-2.0
#include "base/json_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "base/strings.h"

namespace molmo {
namespace {

constexpr size_t kMostLevels = 256;
constexpr size_t kLongestShown = 120;  // bytes of the lexer's own words, which quote the text

// An input iterator that tells how far the lexer has read.
class Reading {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Reading(const char* at, const char** last) : at_(at), last_(last) {}
  reference operator*() const { return *at_; }
  Reading& operator++() { return *last_ = ++at_, *this; }
  bool operator==(const Reading& other) const { return at_ == other.at_; }
  bool operator!=(const Reading& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** last_;
};

// Whether an object has a key already: by looking through few, by hash among many, so that a hostile object of a
// million keys costs no more than its size.
class KeySet {
 public:
  bool insert(const std::string& key) {
    if (!many_.empty()) return many_.insert(key).second;
    if (std::find(few_.begin(), few_.end(), key) != few_.end()) return false;
    few_.push_back(key);
    if (few_.size() > kFew) many_.insert(few_.begin(), few_.end());
    return true;
  }

 private:
  static constexpr size_t kFew = 16;
  std::vector<std::string> few_;
  std::unordered_set<std::string> many_;
};

// An object or list that is being read.
struct Level {
  Json* container;  // stable: only the innermost container grows
  KeySet keys;
  std::string key;  // the last one read
};

class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(std::string_view text, JsonText kind, const char*& read, Json* root)
      : text_(text), kind_(kind), read_(read), root_(*root) {}

  bool null() override { return insert(Json()) != nullptr; }
  bool boolean(bool v) override { return insert(Json(v)) != nullptr; }
  bool number_integer(int64_t v) override { return insert(Json(v)) != nullptr; }
  bool number_unsigned(uint64_t v) override { return insert(Json(v)) != nullptr; }
  bool number_float(double v, const std::string&) override { return insert(Json(v)) != nullptr; }
  bool string(std::string& v) override { return insert(Json(std::move(v))) != nullptr; }
  bool binary(Json::binary_t&) override { return insert(Json()) != nullptr; }

  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return levels_.pop_back(), true; }
  bool end_array() override { return levels_.pop_back(), true; }

  bool key(std::string& v) override {
    Level& level = levels_.back();
    level.key = std::move(v);
    return level.keys.insert(level.key) || fail("is duplicated in one object, expected it once");
  }

  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    return fail(describe_syntax_error(text_, offset(), error.what(), kind_));
  }

  std::optional<JsonMistake> take_mistake() { return std::move(mistake_); }

 private:
  Json* insert(Json&& value) {
    if (levels_.empty()) return root_ = std::move(value), &root_;
    Level& level = levels_.back();
    if (Json::array_t* list = level.container->get_ptr<Json::array_t*>()) return &list->emplace_back(std::move(value));
    return &level.container->get_ref<Json::object_t&>().emplace_back(level.key, std::move(value)).second;
  }

  bool open(Json&& container) {
    if (levels_.size() == kMostLevels) return fail(fmt::format("nested deeper than {} levels", kMostLevels));
    levels_.push_back({insert(std::move(container)), {}, {}});
    return true;
  }

  size_t offset() const {
    const auto num_read = static_cast<size_t>(read_ - text_.data());
    return num_read == 0 ? 0 : num_read - 1;
  }

  bool fail(std::string problem) {
    mistake_ = JsonMistake{offset(), path(), std::move(problem)};
    return false;
  }

  // The first levels of the way to the value at hand.
  std::string path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (path.size() > kLongestShown) return path + "...";
      if (const Json::array_t* list = level.container->get_ptr<const Json::array_t*>()) {
        path +=
            fmt::format("[{}]", list->size() - (&level == &levels_.back() ? 0 : 1));  // an open one is in it already
      } else if (!level.key.empty()) {
        path += fmt::format("{}{}", path.empty() ? "" : ".", clip_text(level.key, kLongestShown));
      }
    }
    return path;
  }

  const std::string_view text_;
  const JsonText kind_;
  const char*& read_;
  Json& root_;
  std::vector<Level> levels_;
  std::optional<JsonMistake> mistake_;
};

// "NaN" of "[NaN, 3]" at 1 or 2: the lexer stops at the first letter that fits no literal.
std::string_view word_at(std::string_view text, size_t offset) {
  constexpr std::string_view kEnds = " \t\r\n,:[]{}\"";
  size_t begin = std::min(offset, text.size()), end = begin;
  while (begin > 0 && kEnds.find(text[begin - 1]) == kEnds.npos) --begin;
  while (end < text.size() && kEnds.find(text[end]) == kEnds.npos) ++end;
  return text.substr(begin, end - begin);
}

bool is_no_number(std::string_view word) {
  if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
  const std::string lower = lower_ascii(word);
  return lower == "nan" || lower == "inf" || lower == "infinity";
}

// The first byte of the ill-formed character that the lexer left at `offset`.
size_t last_high_byte(std::string_view text, size_t offset) {
  const auto is_high = [&](size_t i) { return (static_cast<unsigned char>(text[i]) & 0x80) != 0; };
  offset = std::min(offset, text.size() - 1);
  for (size_t i = 0; i < 4 && i <= offset; ++i) {
    if (is_high(offset - i)) return offset - i;
  }
  return offset;
}

// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...; last read: '...'", of which the
// place is said better elsewhere and the quote may hold half a character.
std::string own_words(std::string_view what) {
  const size_t colon = what.find(": ", std::min(what.find("parse error"), what.size()));
  if (colon != what.npos) what.remove_prefix(colon + 2);
  const bool is_ascii = std::all_of(what.begin(), what.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_ascii) what = what.substr(0, what.find("; last read"));
  return clip_text(what, kLongestShown);
}

}  // namespace

std::string describe_syntax_error(std::string_view text, size_t offset, const std::string& what, JsonText kind) {
  const bool is_line = kind == JsonText::kLine;
  if (what.find("ill-formed UTF-8") != what.npos) {
    const size_t bad = last_high_byte(text, offset);
    return fmt::format("byte 0x{:02X} is not UTF-8 (is the file Latin-1?), expected UTF-8",
                       static_cast<unsigned char>(text[bad]));
  }
  if (const std::string_view word = word_at(text, offset); is_no_number(word))
    return fmt::format("got {}, expected a finite number", word);
  if (what.find("number overflow") != what.npos)
    return fmt::format("got {}, expected a number within the range of double",
                       clip_text(word_at(text, offset - 1), 40));
  if (what.find("; expected end of input") != what.npos) {
    return fmt::format("not valid JSON, something follows the value, expected {}",
                       is_line ? "one object a line" : "the end");
  }
  const bool is_cut =
      what.find("unexpected end of input") != what.npos || what.find("missing closing quote") != what.npos;
  if (is_cut && offset + 1 >= text.size()) {
    return is_line ? "not valid JSON, the line ends inside a value, expected one whole object a line"
                   : "not valid JSON, the text ends inside a value: is the file cut?";
  }
  return "not valid JSON, " + own_words(what);
}

std::optional<JsonMistake> try_parse_json(std::string_view text, JsonText kind, Json* json) {
  const char* read = text.data();
  TreeBuilder builder(text, kind, read, json);
  Json::sax_parse(Reading(text.data(), &read), Reading(text.data() + text.size(), &read), &builder,
                  Json::input_format_t::json, /*strict=*/true, /*ignore_comments=*/true);
  return builder.take_mistake();
}

}  // namespace molmo
