// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "molmo/error.h"

namespace molmo {
namespace {

// Line and column (1-based) of a byte offset.
std::pair<size_t, size_t> position_of(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  size_t line = 1, start = 0;
  for (size_t i = 0; i < offset; ++i) {
    if (text[i] == '\n') ++line, start = i + 1;
  }
  return {line, offset - start + 1};
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
  } catch (const Json::parse_error& error) {
    const auto [line, column] = position_of(text, error.byte == 0 ? 0 : error.byte - 1);
    std::string what = error.what();
    const size_t colon = what.find(": ", what.find("parse error"));
    if (colon != std::string::npos) what = what.substr(colon + 2);
    throw Error(fmt::format("[json] {}:{}:{}: not valid JSON, {}", where, line, column, what));
  } catch (const Json::exception& error) {
    throw Error(fmt::format("[json] {}: {}", where, error.what()));
  }
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_text_file(path), path.string()); }

void write_json(const std::filesystem::path& path, const Json& json) {
  write_file_atomically(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string format_json_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void for_each_json_line(const std::filesystem::path& path, const std::function<void(size_t, const Json&)>& visit) {
  const std::string text = read_text_file(path);
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    const std::string_view line(text.data() + begin, end - begin);
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      visit(number, parse_json(line, fmt::format("{}, line {}", path.string(), number)));
    }
    begin = end + 1;
  }
}

}  // namespace molmo
