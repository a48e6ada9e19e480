// Prompts and predictions as a reader wants them: without the words and tags that only the model needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::eval {

/// A stretch of a prediction: text, or the label of a point tag with the number of its points.
struct TextPiece {
  std::string text;
  int64_t num_points = 0;  ///< 0: plain text
};

/// " User: pointing: Point to the dogs. Assistant:" of style "pointing" is "Point to the dogs."
std::string plain_question(std::string_view prompt, std::string_view style);

/// Splits a prediction at its point tags, whose labels stand for them; a tag that the end of the text cuts off counts
/// too.
std::vector<TextPiece> text_pieces(std::string_view prediction);

}  // namespace molmo::eval
