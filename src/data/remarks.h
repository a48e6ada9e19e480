// What is allowed in own data but seldom meant: counted over a file, a sentence for each kind.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/own_data.h"

namespace molmo::data {

/// Sees every record of a file once, in its order.
class RemarkCounter {
 public:
  void see(const Record& record);

  /// "2 of 40 records hold no annotation (first: line 3)", and so on.
  std::vector<std::string> remarks() const;

 private:
  struct Kind {
    size_t count = 0, first_line = 0;
    void add(size_t line) {
      if (count++ == 0) first_line = line;
    }
  };
  struct Picture {
    uint32_t line, split;  // where it was first named; the split by its place in splits_
  };

  void see_pictures(const Record& record);

  size_t num_records_ = 0;
  Kind bare_, fractions_, repeats_, shared_;
  std::string first_shared_;  // "line 7: img/1.png, in 'train' and 'test'"
  std::vector<std::string> splits_;
  std::unordered_map<size_t, Picture> pictures_;  // by the hash of the path: that a remark errs has odds of 2^-64
};

}  // namespace molmo::data
