// Reads Python pickles without executing anything: containers, numbers and strings become nodes, calls are only noted.
// What torch.save writes (protocol 2) and the opcodes of protocol 4 that other writers use for the same.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace molmo::formats {

/// One value. Nodes belong to their Pickle; the graph may hold cycles, as Python's may.
struct PickleNode {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kText,
    kBytes,
    kList,
    kDict,
    kGlobal,
    kCall,
    kPersistent
  } kind = Kind::kNone;
  int64_t integer = 0;             ///< kBool, kInt
  double number = 0.0;             ///< kFloat
  std::string text;                ///< kText, kBytes; kGlobal: "module.name"
  std::vector<PickleNode*> items;  ///< kList (tuples too); kCall: callable, arguments; kPersistent: the id
  std::vector<std::pair<PickleNode*, PickleNode*>> pairs;  ///< kDict

  bool is(Kind other) const { return kind == other; }
  bool is_text(std::string_view value) const { return kind == Kind::kText && text == value; }
  bool is_global(std::string_view name) const { return kind == Kind::kGlobal && text == name; }
};

class Pickle {
 public:
  /// Errors, with the byte: an unknown opcode, a stack that runs empty, data that ends early, values that take more
  /// than `most_bytes` of memory.
  Pickle(std::span<const uint8_t> data, const std::string& where, size_t most_bytes = size_t{64} << 20);
  const PickleNode& root() const { return *root_; }

 private:
  class Machine;
  std::deque<PickleNode> nodes_;
  PickleNode* root_ = nullptr;
};

}  // namespace molmo::formats
