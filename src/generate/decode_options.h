// What decoding may choose from, and how. Facts: spec/model.md §2.15.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace molmo::generate {

/// How a token is drawn. Temperature 0 takes the most probable one.
struct SamplingOptions {
  double temperature = 0.0;      ///< divides the log-probs before the softmax
  std::optional<int64_t> top_k;  ///< of the k most probable tokens
  std::optional<double> top_p;   ///< of the fewest tokens whose probabilities reach p
  uint64_t seed = 0;             ///< a row's draws depend on this and its number only
  size_t first_row = 0;          ///< number of the batch's first row

  bool is_greedy() const { return temperature <= 0.0; }
};

struct BeamOptions {
  int64_t size = 1;                      ///< beams kept; 1: no beam search
  std::optional<int64_t> per_node;       ///< candidates of each beam; none: `size`
  std::optional<double> length_penalty;  ///< final scores are divided by length^penalty; none: plain sums
};

struct DecodeOptions {
  int64_t max_new_tokens = 128;
  int64_t min_new_tokens = 0;  ///< the end token cannot be chosen before
  int64_t eos = -1;
  std::optional<int64_t> block_ngram;  ///< no n-gram of generated tokens is repeated; the prompt does not count
  std::vector<std::string> stop;       ///< texts that end an answer, and are not part of it (Generator)
  /// So many first tokens are the same in every row, pictures included, and are run once; the inputs hold the pictures
  /// of the first row only.
  int64_t num_shared_tokens = 0;
  bool batch_invariant = false;  ///< the same bits whatever else is in the batch: rows run one by one (Generator)
  bool stop_early = true;        ///< stop when every row has ended (false keeps ranks in step)
  SamplingOptions sampling;
  BeamOptions beams;
};

}  // namespace molmo::generate
