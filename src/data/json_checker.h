// Reading hand-written JSON without giving up at the first problem: typed access that notes what is wrong, and where.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace molmo::data {

/// Collects problems as "line 12, points[0].label: missing, expected text".
class ProblemList {
 public:
  void add(size_t line, const std::string& key, const std::string& problem);
  bool empty() const { return num_problems_ == 0; }

  /// Throws an Error with `file` and the first 20 problems, if there are any.
  void throw_if_any(const std::string& file) const;

 private:
  std::vector<std::string> shown_;
  size_t num_problems_ = 0;
};

/// One JSON object of a line, with the path of keys that leads to it. Absent values give the default without a problem
/// unless they are required; wrong ones give the default and a problem.
class ObjectChecker {
 public:
  /// `json` must outlive the checker. A problem is noted if it is not an object.
  ObjectChecker(const Json& json, std::string path, size_t line, ProblemList& problems);

  /// Notes every key that is not in `keys`.
  void expect_keys(std::initializer_list<std::string_view> keys) const;
  bool has(const char* key) const;

  std::optional<std::string> text(const char* key) const;
  std::string required_text(const char* key) const;
  /// A list of texts; `allow_single` also takes one text.
  std::vector<std::string> texts(const char* key, bool allow_single = false) const;
  int64_t required_integer(const char* key, int64_t min, int64_t max = std::numeric_limits<int64_t>::max()) const;
  /// A list of N numbers each: points (2) and boxes (4), every value in [0, max].
  template <size_t N>
  std::vector<std::array<double, N>> tuples(const char* key, double max) const;
  template <size_t N>
  std::array<double, N> required_tuple(const char* key, double max) const;
  /// The objects of a list.
  std::vector<ObjectChecker> objects(const char* key) const;

  void add_problem(const std::string& key, const std::string& problem) const;

 private:
  const Json* find(const char* key) const;
  const Json* find_required(const char* key, const char* expected) const;
  const Json* find_list(const char* key) const;
  template <size_t N>
  std::array<double, N> read_tuple(const Json& value, const std::string& key, double max) const;

  const Json* json_;
  std::string path_;  // "" or "points[0]."
  size_t line_;
  ProblemList* problems_;
};

}  // namespace molmo::data
