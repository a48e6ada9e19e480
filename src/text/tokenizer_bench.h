// The speed of a tokenizer on a text made here: English, other scripts, code, numbers and point tags.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace molmo::text {

/// A deterministic text of about `bytes` bytes: documents of about 2 KiB, each ended by a NUL byte.
std::string make_benchmark_text(size_t bytes);

/// The documents of such a text, without their NUL bytes. Views into `text`.
std::vector<std::string_view> split_documents(std::string_view text);

/// Single-threaded speed over all documents, one encode() call each.
struct TokenizerSpeed {
  double first_mib_per_s = 0;     ///< the first pass of a fresh tokenizer
  double repeated_mib_per_s = 0;  ///< the median of the passes after it
  int64_t num_tokens = 0;         ///< of one pass
};

/// Measures a tokenizer that has encoded nothing yet.
TokenizerSpeed measure_tokenizer_speed(const Tokenizer& tokenizer, const std::vector<std::string_view>& documents,
                                       int num_repeats = 5);

}  // namespace molmo::text
