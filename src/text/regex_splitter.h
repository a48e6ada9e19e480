// Splitting by a regular expression (Oniguruma): for patterns that split_patterns.h does not know, and as their oracle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace molmo::text {

/// One compiled pattern in Oniguruma's default syntax, as the reference tokenizers use it. Safe to share between
/// threads.
class RegexSplitter {
 public:
  /// Error with `where` and Oniguruma's message for a malformed pattern.
  RegexSplitter(const std::string& pattern, const std::string& where);

  /// Calls `visit(piece, is_match)` for every non-empty match and every gap between matches, in order.
  /// Error if the pattern backtracks beyond Oniguruma's limit.
  void for_each_piece(std::string_view text, const std::function<void(std::string_view, bool)>& visit) const;

 private:
  std::shared_ptr<void> regex_;
  std::string pattern_;
};

}  // namespace molmo::text
