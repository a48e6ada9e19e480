// Pictures and formatted conversations to one example: image tokens spliced in, shift by BOS, positions, subsegments,
// loss weights. Facts: spec/preprocess.md §3.3-3.8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/input_config.h"
#include "image/picture.h"
#include "preprocess/example.h"
#include "text/tokenizer.h"

namespace molmo::preprocess {

/// user, assistant, user, ... as the formatter made them (leading spaces included).
using Conversation = std::vector<std::string>;

/// What the text of a special token in a conversation becomes. In the reference (kTokens) "<|image|>" is the place of a
/// picture and "<im_patch>" is a patch without one, whoever wrote them.
enum class SpecialText { kText, kTokens };

/// Immutable; safe to share between threads.
class Processor {
 public:
  /// DEVIATION: by default the text of special tokens is text, so that a sentence about "<|image|>" does not move the
  /// picture.
  Processor(config::PreprocessConfig preprocess, config::AnnotationWeighting weighting, text::MolmoTokenizer tokenizer,
            SpecialText special_text = SpecialText::kText);

  /// Text-only examples have BOS, shift and positions like the others (DEVIATION: the reference's path for them is
  /// broken), and several pictures are placed by their expanded positions (trap T42). Errors: no conversation; a weight
  /// with several conversations; 10000 conversations; placeholders that do not match the pictures; text that gives a
  /// special token all the same. PARITY: of several conversations a placeholder's picture is seen by those whose number
  /// is not above its place; only SpecialText::kTokens can ask for that.
  Example operator()(std::span<const image::Picture> pictures, std::span<const Conversation> conversations,
                     std::optional<double> weight = {}) const;

  /// The same with crops made before.
  Example assemble(std::vector<ImageInputs> images, std::span<const Conversation> conversations,
                   std::optional<double> weight = {}) const;

  const config::PreprocessConfig& preprocess() const { return preprocess_; }
  const text::MolmoTokenizer& tokenizer() const { return tokenizer_; }

 private:
  struct Sequence;
  std::vector<int64_t> encode_turn(const std::string& text) const;
  Sequence encode(std::span<const Conversation> conversations, std::optional<double> weight) const;
  void splice_images(Sequence& sequence, std::vector<ImageInputs>& images) const;
  Example shift(Sequence sequence, bool has_subsegments) const;

  config::PreprocessConfig preprocess_;
  config::AnnotationWeighting weighting_;
  text::MolmoTokenizer tokenizer_;
  SpecialText special_text_;
};

}  // namespace molmo::preprocess
