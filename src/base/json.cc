// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json_parser.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo {
namespace {

using namespace std::string_view_literals;

constexpr size_t kLongestShown = 80;  // bytes of a value in a message

// "12:3", both from 1.
std::string position_of(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  size_t line = 1, start = 0;
  for (size_t i = 0; i < offset; ++i) {
    if (text[i] == '\n') ++line, start = i + 1;
  }
  return fmt::format("{}:{}", line, offset - start + 1);
}

[[noreturn]] void refuse(const JsonMistake& mistake, const std::string& where, const std::string& position) {
  throw Error(fmt::format("[json] {}:{}: {}{}{}", where, position, mistake.key, mistake.key.empty() ? "" : ": ",
                          mistake.problem));
}

// Whether a list is short and holds no lists or objects.
bool is_flat(const Json& list) {
  return list.size() <= kLongestShown &&
         std::none_of(list.begin(), list.end(), [](const Json& item) { return item.is_structured(); });
}

struct Encoding {
  std::string_view begin;
  const char* name;
};
// The longer marks first; without a mark the zero bytes of an ASCII character tell.
constexpr Encoding kMarks[] = {{"\xFF\xFE\0\0"sv, "UTF-32, little endian"},
                               {"\0\0\xFE\xFF"sv, "UTF-32, big endian"},
                               {"\xFF\xFE"sv, "UTF-16, little endian"},
                               {"\xFE\xFF"sv, "UTF-16, big endian"}};

const char* foreign_encoding(std::string_view text) {
  for (const Encoding& encoding : kMarks) {
    if (text.starts_with(encoding.begin)) return encoding.name;
  }
  if (text.size() < 4) return nullptr;
  const auto is_zero = [&](size_t i) { return text[i] == '\0'; };
  if (is_zero(0) && is_zero(1) && is_zero(2)) return kMarks[1].name;
  if (is_zero(1) && is_zero(2) && is_zero(3)) return kMarks[0].name;
  if (is_zero(0) && is_zero(2)) return kMarks[3].name;
  if (is_zero(1) && is_zero(3)) return kMarks[2].name;
  return nullptr;
}

}  // namespace

std::string_view expect_utf8(std::string_view text, const std::string& where) {
  if (const char* encoding = foreign_encoding(text))
    throw Error(fmt::format("[json] {}: got {}, expected UTF-8: save the file in that encoding", where, encoding));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

Json parse_json(std::string_view text, const std::string& where) {
  text = expect_utf8(text, where);
  Json json;
  if (const auto mistake = try_parse_json(text, JsonText::kWhole, &json))
    refuse(*mistake, where, position_of(text, mistake->offset));
  return json;
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_text_file(path), path.string()); }

void for_each_line(std::string_view text, const std::function<void(size_t, std::string_view)>& visit) {
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    ++number;
    if (line.find_first_not_of(" \t\r") != line.npos) visit(number, line);
    begin = end + 1;
  }
}

void for_each_json_line(const std::filesystem::path& path, const std::function<void(size_t, const Json&)>& visit) {
  const std::string text = read_text_file(path);
  for_each_line(expect_utf8(text, path.string()), [&](size_t number, std::string_view line) {
    Json json;
    if (const auto mistake = try_parse_json(line, JsonText::kLine, &json))
      refuse(*mistake, path.string(), fmt::format("{}:{}", number, mistake->offset + 1));
    visit(number, json);
  });
}

std::string brief(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array() && !is_flat(value)) return fmt::format("a list of {}", value.size());
  return clip_text(format_json_line(value), kLongestShown);
}

void write_json(const std::filesystem::path& path, const Json& json) {
  write_file_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string format_json_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace molmo
