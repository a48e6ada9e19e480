// SPDX-License-Identifier: Apache-2.0
#include "generate/constraints.h"

#include <algorithm>
#include <limits>

#include "tensor/ops.h"

namespace molmo::generate {
namespace {

// Tokens that would complete an n-gram which `tokens` already holds.
std::vector<int64_t> repeating_tokens(const std::vector<int64_t>& tokens, size_t n) {
  std::vector<int64_t> repeating;
  if (tokens.size() + 1 < n) return repeating;
  const size_t prefix = n - 1;  // the last n-1 tokens start the n-gram
  for (size_t begin = 0; begin + n <= tokens.size(); ++begin) {
    if (std::equal(tokens.begin() + begin, tokens.begin() + begin + prefix, tokens.end() - prefix)) {
      repeating.push_back(tokens[begin + prefix]);
    }
  }
  return repeating;
}

}  // namespace

void block_tokens(Tensor& log_probs, const std::vector<int64_t>& tokens, const DecodeOptions& options) {
  float* values = log_probs.mutable_data_ptr<float>();
  constexpr float kBlocked = std::numeric_limits<float>::lowest();
  if (options.block_ngram) {
    for (const int64_t token : repeating_tokens(tokens, static_cast<size_t>(*options.block_ngram)))
      values[token] = kBlocked;
  }
  const bool may_end = static_cast<int64_t>(tokens.size()) >= options.min_new_tokens;
  if (!may_end && options.eos >= 0) values[options.eos] = kBlocked;
}

}  // namespace molmo::generate
