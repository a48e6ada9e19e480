// SPDX-License-Identifier: Apache-2.0
#include "eval/plain_text.h"

#include <algorithm>

#include "base/strings.h"
#include "data/point_reader.h"

namespace molmo::eval {
namespace {

constexpr std::string_view kTag = "<point";

bool drop_front(std::string_view& text, std::string_view front) {
  if (!text.starts_with(front)) return false;
  text = trim_text(text.substr(front.size()));
  return true;
}

// The style with an optional length hint before a colon: "long_caption 65:".
void drop_style(std::string_view& text, std::string_view style) {
  if (style.empty() || !text.starts_with(style)) return;
  const size_t end = text.find_first_not_of(" 0123456789", style.size());
  if (end != text.npos && text[end] == ':') text = trim_text(text.substr(end + 1));
}

void add_text(std::vector<TextPiece>& pieces, std::string_view text) {
  text = trim_text(text);
  if (!text.empty()) pieces.push_back({.text = std::string(text)});
}

}  // namespace

std::string plain_question(std::string_view prompt, std::string_view style) {
  std::string_view text = trim_text(prompt);
  constexpr std::string_view kAssistant = "Assistant:";
  if (drop_front(text, "User:") && text.ends_with(kAssistant))
    text = trim_text(text.substr(0, text.size() - kAssistant.size()));
  drop_style(text, style);
  return std::string(text);
}

std::vector<TextPiece> text_pieces(std::string_view rest) {
  std::vector<TextPiece> pieces;
  while (true) {
    const size_t begin = rest.find(kTag);
    add_text(pieces, rest.substr(0, begin));
    if (begin == rest.npos) return pieces;
    const size_t label = std::min(rest.find('>', begin), rest.size() - 1) + 1;
    const size_t label_end = std::min(rest.find('<', label), rest.size());
    const auto points = data::read_points(rest.substr(begin, label - begin), {100, 100});
    std::string text(trim_text(rest.substr(label, label_end - label)));
    if (text.empty()) text = "points";
    pieces.push_back({.text = std::move(text), .num_points = static_cast<int64_t>(points.size())});
    const size_t closing = rest.substr(label_end).starts_with("</point") ? rest.find('>', label_end) : label_end - 1;
    rest = closing == rest.npos ? "" : rest.substr(std::min(closing + 1, rest.size()));
  }
}

}  // namespace molmo::eval
