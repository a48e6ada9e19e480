// Data sets, their mixture, and how rows are made of them. Facts: spec/training.md §4.2. Paper: [P App. B].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/field.h"
#include "molmo/decode_limits.h"

namespace molmo::config {

/// One dataset of a mixture.
struct DatasetConfig {
  std::string path;  ///< an own-data folder (data.jsonl and pictures)
  std::string split = "train";
  std::string group = "main";            ///< root-size rates are normalised within a group
  std::vector<std::string> annotations;  ///< which kinds of annotation to use; empty: all
  std::optional<int64_t> fixed_size;     ///< replaces the length in the root-size rule

  template <class V>
  void visit(V& v) {
    v({.name = "path", .help = "own-data folder: data.jsonl with pictures beside it"}, path);
    v({.name = "split", .help = "rows of this split"}, split);
    v({.name = "group", .help = "group whose rate the dataset shares"}, group);
    v({.name = "annotations",
       .help = "kinds of annotation to use (caption, transcript, qa, points, counts, choices); empty: all"},
      annotations);
    v({.name = "fixed_size", .help = "size that replaces the length in the root-size rule", .min = 1}, fixed_size);
  }
};

/// Several examples in a row of the batch, which attention keeps apart.
struct PackingConfig {
  int max_tokens = 0;  ///< of a row; 0: one example per row
  int max_crops = 64;  ///< of a row

  bool is_on() const { return max_tokens > 0; }

  template <class V>
  void visit(V& v) {
    v({.name = "max_tokens",
       .help =
           "pack several examples into a row of at most so many tokens, which is then a micro-batch; 0: one example "
           "per row",
       .min = 0,
       .max = 1 << 24},
      max_tokens);
    v({.name = "max_crops", .help = "largest number of crops in such a row", .min = 1, .max = 1 << 20}, max_crops);
  }
};

/// What decoding one picture may take; a picture that needs more counts as a bad example.
struct DecodeLimitsConfig : DecodeLimits {
  template <class V>
  void visit(V& v) {
    v({.name = "max_pixels", .help = "width times height", .min = 1}, max_pixels);
    v({.name = "max_bytes", .help = "memory of one worker: file, picture and what its decoder needs", .min = 1},
      max_bytes);
    v({.name = "max_scans", .help = "scans of a progressive JPEG", .min = 1}, max_scans);
    v({.name = "max_seconds", .help = "processor time", .min = 0}, max_seconds);
  }
};

struct DataConfig {
  std::map<std::string, DatasetConfig> datasets;
  std::map<std::string, double> group_rates;  ///< absent groups: 1
  int64_t seed = 95818;
  int sequence_length = 2304;
  bool shuffle = true;
  bool pad_to_max = false;
  int num_workers = 2;
  int prefetch_batches = 4;
  PackingConfig packing;
  int64_t max_bad_examples = 100;
  int64_t crop_cache_bytes = int64_t{2} << 30;
  DecodeLimitsConfig decode_limits;

  template <class V>
  void visit(V& v) {
    v({.name = "datasets", .help = "name -> dataset; rates follow the square root of the sizes [P App. B]"}, datasets);
    v({.name = "group_rates", .help = "share of each group; a group that is not named has 1", .min = 0}, group_rates);
    v({.name = "seed", .help = "seed of order, templates and hints", .min = 0, .max = 4294967295.0}, seed);
    v({.name = "sequence_length",
       .help = "longest row in tokens, image included; longer ones are cut",
       .min = 8,
       .max = 1 << 24},
      sequence_length);
    v({.name = "shuffle", .help = "shuffle examples and the annotations of an image"}, shuffle);
    v({.name = "pad_to_max",
       .help = "pad every row to sequence_length, as the public trainer does; else to the longest of its micro-batch"},
      pad_to_max);
    v({.name = "num_workers", .help = "preprocessing threads; the order does not depend on it", .min = 1, .max = 256},
      num_workers);
    v({.name = "prefetch_batches", .help = "batches prepared ahead", .min = 1, .max = 1024}, prefetch_batches);
    v({.name = "packing", .help = "several examples in a row"}, packing);
    v({.name = "max_bad_examples",
       .help = "examples that may be left out because they cannot be made (a broken picture), on a rank; one more ends "
               "the run",
       .min = 0},
      max_bad_examples);
    v({.name = "crop_cache_bytes",
       .help =
           "largest memory of a rank for crops kept between epochs; 0: none. Unused where it would hold less than a "
           "thirty-second of the data",
       .min = 0,
       .max = 1e15},
      crop_cache_bytes);
    v({.name = "decode_limits", .help = "what decoding one picture may take"}, decode_limits);
  }
};

}  // namespace molmo::config
