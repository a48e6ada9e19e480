// Prompts and replies as a reader wants them: without the words and tags that only the model needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::eval {

/// A stretch of a reply: text, or the label of a point tag with the number of its points.
struct ReplyPiece {
  std::string text;
  int64_t num_points = 0;  ///< 0: plain text
};

/// " User: pointing: Point to the dogs. Assistant:" of style "pointing" is "Point to the dogs."
std::string plain_question(std::string_view prompt, std::string_view style);

/// Cuts a reply at its point tags, whose label stands for them; a tag that the end of the reply cuts off counts too.
std::vector<ReplyPiece> reply_pieces(std::string_view reply);

}  // namespace molmo::eval
