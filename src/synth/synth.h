// `molmo data synthesize`: a folder of own data (docs/data.md) with pictures composed from photo cut-outs or drawn
// shapes, and the exact truth about them. The same options give the same bytes, whatever the number of threads.
//
//   const SynthSummary summary = synthesize({.out = "quickstart", .seed = 1, .level = 1});
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace molmo::synth {

struct SynthOptions {
  std::filesystem::path out;  ///< gets data.jsonl, synth.json and img/
  uint32_t seed = 0;
  int level = 1;           ///< 0: smoke test, 1: quickstart, 2: hard (docs/data.md)
  int64_t num_train = -1;  ///< pictures; -1: as many as the level has
  int max_objects = -1;    ///< things in a picture; -1: as many as the level has
  int64_t num_test = -1;   ///< a quarter as many show kinds that training never shows (split test_unseen)
  std::filesystem::path stamps = "/usr/share/tuxpaint/stamps";  ///< Debian's tuxpaint-stamps-default; absent: shapes
  int num_threads = 0;                                          ///< 0: all there are
};

struct SynthSummary {
  int64_t num_train = 0, num_test = 0, num_test_unseen = 0;   ///< pictures
  int64_t num_points = 0, num_counts = 0, num_questions = 0;  ///< entries of points, counts, qa and choices
  std::vector<std::string> kinds, unseen_kinds;
  bool has_stamps = false;    ///< false: drawn shapes
  bool was_complete = false;  ///< the folder already held this set; nothing was written
};

/// Makes the set, or returns at once if `options.out` holds it complete already; an interrupted one is made anew.
/// Errors: values out of range; a folder that holds something else or a set made with other options; writing fails.
SynthSummary synthesize(const SynthOptions& options);

}  // namespace molmo::synth
