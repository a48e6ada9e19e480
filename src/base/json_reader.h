// Typed access to the keys of JSON objects. Every mistake goes to one place with the path of its key, so that the
// caller decides whether the first one ends the reading or all of them are collected.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace molmo {

/// How objects are read.
struct JsonRules {
  /// Takes the path of a key ("points[0].label", empty for the whole) and what is wrong with it. Where it throws, the
  /// first mistake ends the reading; where it returns, the value counts as absent.
  std::function<void(const std::string& path, const std::string& problem)> on_problem;
  bool null_is_absent = false;
};

/// One JSON object and the path that leads to it. A value of another type is a mistake and counts as absent.
class ObjectReader {
 public:
  /// `json` and `rules` must outlive the reader. A mistake is reported if it is not an object.
  ObjectReader(const Json& json, const JsonRules& rules, std::string path = "");

  bool has(const char* key) const { return find(key) != nullptr; }
  /// Null where absent.
  const Json* find(const char* key) const;
  /// Reports "missing, expected ..." where absent.
  const Json* require(const char* key, std::string_view expected) const;

  std::optional<bool> flag(const char* key) const;
  std::optional<std::string> text(const char* key) const;
  std::optional<double> number(const char* key) const;
  std::optional<int64_t> integer(const char* key, int64_t min = std::numeric_limits<int64_t>::min(),
                                 int64_t max = std::numeric_limits<int64_t>::max()) const;
  /// The list, or null.
  const Json* list(const char* key) const;
  /// The texts of a list; `allow_single` also takes one text.
  std::vector<std::string> texts(const char* key, bool allow_single = false) const;
  std::optional<ObjectReader> object(const char* key) const;
  /// The objects of a list.
  std::vector<ObjectReader> objects(const char* key) const;

  /// Reports every key that is not in `keys`.
  void expect_keys(const std::vector<std::string>& keys) const;

  void report(std::string_view key, const std::string& problem) const;
  /// Reports "got <value>, expected ...".
  void report_value(std::string_view key, const Json& value, std::string_view expected) const;

  const Json& json() const { return *json_; }
  /// The path of one of the keys: "points[0].label".
  std::string path_of(std::string_view key) const;

 private:
  const Json* json_;
  const JsonRules* rules_;
  std::string path_;  // "" or "points[0]"
};

}  // namespace molmo
