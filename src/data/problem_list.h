// The problems of a data.jsonl, collected so that one run shows them all.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

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

}  // namespace molmo::data
