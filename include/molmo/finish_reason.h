// Why an answer ended.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo {

enum class FinishReason {
  kStop,      ///< the model's end token
  kLength,    ///< max_new_tokens: the answer may be cut
  kStopText,  ///< one of the stop texts, which is not part of the answer
};

/// "stop", "length" or "stop_text".
constexpr const char* name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kStopText:
      break;
  }
  return "stop_text";
}

}  // namespace molmo
