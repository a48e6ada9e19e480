// The prompt formatter: annotations to the strings that the tokenizer sees. Every random choice (template, answer, tag,
// length hint) comes from the example's generator in the order of the released models' data code, so that a seed gives
// the same strings. Facts: spec/preprocess.md §3.3, §4, §5, Appendix A.3. Paper: [P §4] [P App. A.2].
//
//   PromptFormatter format(config.prompt);
//   format({.messages = {{.style = "pointing", .label = "Dogs"}}}, {640, 480}, /*for_inference=*/true, random)
//       .conversations[0][0]  // " User: Point to every dogs Assistant:"
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "config/input_config.h"
#include "data/message.h"

namespace molmo::data {

/// What scoring needs to know about a formatted message.
struct MessageMetadata {
  std::vector<std::string> option_names;  ///< the letters shown, or the texts of unlabelled options
  std::optional<PointArray> points;       ///< in percent
};

/// Conversations (user, assistant, user, ...) with tags, role words and leading spaces; metadata runs parallel.
struct FormattedExample {
  std::vector<std::vector<std::string>> conversations;
  std::vector<MessageMetadata> metadata;
};

/// Immutable; safe to share between threads.
class PromptFormatter {
 public:
  /// `debug` takes the first template everywhere and always writes the tag (the public code's debug mode).
  explicit PromptFormatter(config::PromptConfig config, bool debug = false) : config_(config), debug_(debug) {}

  /// Formats the messages in order. `size` is needed for points in pixels. For inference there are no answers, and
  /// length hints are the configured one.
  /// Errors: a missing style, label or answer; an answer index beyond the options; more annotations than placeholders.
  FormattedExample operator()(const DataExample& example, ImageSize size, bool for_inference,
                              RandomState& random) const;

 private:
  struct Draft;
  std::vector<std::string> format_message(const Message& message, ImageSize size, bool for_inference,
                                          RandomState& random, MessageMetadata& metadata) const;
  void write_prompt(const Message& message, ImageSize size, RandomState& random, Draft& draft) const;
  void write_points(const Message& message, ImageSize size, Draft& draft) const;
  static void write_options(const Message& message, Draft& draft);
  std::string response(const Message& message, const Draft& draft, RandomState& random) const;
  std::string choose_answer(const std::vector<std::string>& answers, RandomState& random) const;
  std::string_view choose_template(std::span<const std::string_view> templates, RandomState& random) const;
  std::string tag(const std::string& style, const std::string& last_turn, bool for_inference,
                  RandomState& random) const;
  std::string length_hint(const std::string& last_turn, bool for_inference, RandomState& random) const;

  config::PromptConfig config_;
  bool debug_;
};

}  // namespace molmo::data
