// Processor time of one core for decoding, cropping and a whole example.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/molmo_config.h"
#include "image/picture.h"
#include "text/tokenizer.h"

namespace molmo::preprocess {

/// Milliseconds of processor time, each the best of the repeats.
struct PreprocessSpeed {
  /// Whole examples on several threads at once, in wall time.
  struct Throughput {
    size_t num_threads = 1;
    double examples_per_s = 0.0;
  };

  int num_crops = 0;
  double decode_ms = 0.0;              ///< of the JPEG
  double crops_ms = 0.0;               ///< resize, normalise, patches, masks, tokens, from the decoded picture
  double example_ms = 0.0;             ///< decoding, crops, prompt and tokens
  std::vector<Throughput> throughput;  ///< 1, 2, 4, ... threads up to all
};

/// A picture with the structure of a photograph: smooth gradients, edges and fine noise.
image::Picture make_benchmark_picture(int width, int height);

/// What is decoded in the measurement.
std::string encode_benchmark_jpeg(const image::Picture& picture);

PreprocessSpeed measure_preprocess_speed(const image::Picture& picture, const config::PreprocessConfig& config,
                                         const text::MolmoTokenizer& tokenizer, int num_repeats);

}  // namespace molmo::preprocess
