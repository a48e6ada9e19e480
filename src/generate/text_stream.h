// The text of a growing answer, held back while it could still turn out to be a stop text.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace molmo::generate {

class TextStream {
 public:
  TextStream(std::shared_ptr<const text::Tokenizer> tokenizer, std::vector<std::string> stop)
      : decoder_(std::move(tokenizer)), stop_(std::move(stop)) {}

  /// Text that can be shown after this token.
  std::string push(int64_t token) { return take(decoder_.push(token)); }
  /// What remains at the end of the answer.
  std::string finish();
  /// Whether a stop text has come: nothing is shown from it on.
  bool has_stopped() const { return has_stopped_; }

 private:
  std::string take(const std::string& text);

  text::StreamDecoder decoder_;
  std::vector<std::string> stop_;
  std::string held_;
  bool has_stopped_ = false;
};

}  // namespace molmo::generate
