// Lines of a stream as they arrive, for programs that are asked through a pipe.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace molmo {

class LineReader {
 public:
  /// Reads from `descriptor`, which stays the caller's. `where` names it in errors.
  LineReader(int descriptor, std::string where) : descriptor_(descriptor), where_(std::move(where)) {}

  /// The next line without its end ("\n" or "\r\n"), waiting for it; nothing at the end of the stream. The last line
  /// needs no end.
  std::optional<std::string> next();

  /// Whether next() would return at once.
  bool is_ready();

 private:
  bool has_answer() const { return has_ended_ || buffer_.find('\n', begin_) != std::string::npos; }
  void read_more();

  int descriptor_;
  std::string where_, buffer_;
  size_t begin_ = 0;  // of what was not returned yet
  bool has_ended_ = false;
};

}  // namespace molmo
