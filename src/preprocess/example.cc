// SPDX-License-Identifier: Apache-2.0
#include "preprocess/example.h"

#include <numeric>

namespace molmo::preprocess {
namespace {
constexpr int64_t kStreams = int64_t{1} << 24;  // of an example
}  // namespace

int64_t first_stream(const Example& example) { return example.number * kStreams; }

std::vector<int64_t> token_streams(const Example& example) {
  if (!example.streams.empty()) return example.streams;
  std::vector<int64_t> streams(example.input_tokens.size());
  std::iota(streams.begin(), streams.end(), first_stream(example));
  return streams;
}

}  // namespace molmo::preprocess
