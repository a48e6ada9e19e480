// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

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

// The parser itself needs no stack, but copying and printing what it made do. Quotes and brackets in comments are
// counted too, which no real file turns into an error.
bool nests_too_deep(std::string_view text) {
  constexpr int kMostLevels = 256;
  int level = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size() && level <= kMostLevels; ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      ++level;
    } else if (!in_string && (c == '}' || c == ']')) {
      --level;
    }
  }
  return level > kMostLevels;
}

// Keys of the objects that are open while parsing; keeps the first key that comes twice in one of them.
class RepeatedKeyFinder {
 public:
  bool operator()(int /*depth*/, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
        open_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
        open_.pop_back();
        break;
      case Json::parse_event_t::key:
        if (!open_.back().insert(parsed.get<std::string>()).second && repeated_.empty())
          repeated_ = parsed.get<std::string>();
        break;
      default:
        break;
    }
    return true;
  }
  const std::string& repeated() const { return repeated_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::string repeated_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where, RepeatedKeys repeated_keys) {
  if (nests_too_deep(text)) throw Error(fmt::format("[json] {}: nested deeper than 256 levels", where));
  try {
    if (repeated_keys == RepeatedKeys::kLastWins)
      return Json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
    RepeatedKeyFinder finder;
    Json json = Json::parse(text, std::ref(finder), /*allow_exceptions=*/true, /*ignore_comments=*/true);
    if (!finder.repeated().empty())
      throw Error(
          fmt::format("[json] {}: key '{}' comes twice in one object, expected it once", where, finder.repeated()));
    return json;
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

Json read_json(const std::filesystem::path& path, RepeatedKeys repeated_keys) {
  return parse_json(read_text_file(path), path.string(), repeated_keys);
}

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
