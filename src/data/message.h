// Input of the prompt formatter: the annotations of one picture, before they become prompts and answers.
// Facts: spec/datasets.md §1.1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/points.h"

namespace molmo::data {

/// One annotation. Which fields it needs depends on its style (spec/preprocess.md §5); absent ones stay empty.
struct Message {
  std::optional<std::string> style;
  // What the prompt is made from.
  std::optional<std::string> prompt;  ///< used as it is, whatever the style
  std::optional<std::string> question;
  std::optional<std::string> label;             ///< of pointing and counting; lower-cased
  std::optional<std::string> label_cased;       ///< the same, kept as it is
  std::vector<std::string> options;             ///< lettered choices
  std::vector<std::string> unlabelled_options;  ///< choices that are answered with their text
  // What the answer is made from, in this order of precedence.
  std::optional<PointArray> points;                 ///< an empty array is a negative; absent at evaluation
  std::optional<double> point_scale;                ///< the points' value at the right and lower border; unset: pixels
  std::optional<int> answer_index;                  ///< of the options
  std::optional<std::vector<std::string>> answers;  ///< of several annotators (or one)
  std::optional<std::string> answer;
  std::vector<PointAnnotation> annotations;  ///< for the `<|POINT|>` placeholders of `answer`
  std::optional<std::string> answer_with_points;
  std::optional<std::string> text;
  // Or a ready conversation: user, assistant, user, ... Then only the tag and the role words are added.
  std::vector<std::string> turns;
};

/// The annotations of one picture (or of one row with several pictures).
struct DataExample {
  std::vector<Message> messages;
  bool is_list = false;               ///< several annotations that share the picture, even if there is just one
  std::optional<double> weight = {};  ///< of the loss; only for a single annotation
};

}  // namespace molmo::data
