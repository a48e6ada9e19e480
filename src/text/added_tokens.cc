// SPDX-License-Identifier: Apache-2.0
#include "text/added_tokens.h"

#include "text/unicode.h"

namespace molmo::text {

void AddedTokenFinder::add(const AddedToken& token, std::string_view searched) {
  if (searched.empty()) return;
  uint32_t node = 0;
  for (const char c : searched) {
    uint32_t next = 0;
    for (const auto& [byte, child] : nodes_[node].children) {
      if (byte == c) next = child;
    }
    if (next == 0) {
      next = static_cast<uint32_t>(nodes_.size());
      nodes_[node].children.emplace_back(c, next);
      nodes_.emplace_back();
      if (node == 0) first_[static_cast<unsigned char>(c)] = next;
    }
    node = next;
  }
  if (nodes_[node].rule >= 0) return;  // the first of equal strings wins
  nodes_[node].rule = static_cast<int32_t>(rules_.size());
  rules_.push_back({token.id, token.single_word, token.lstrip, token.rstrip});
}

bool AddedTokenFinder::longest_at(std::string_view text, size_t at, size_t* end, const Rule** rule) const {
  uint32_t node = first_[static_cast<unsigned char>(text[at])];
  bool found = false;
  for (size_t i = at + 1; node != 0; ++i) {
    if (nodes_[node].rule >= 0) *rule = &rules_[static_cast<size_t>(nodes_[node].rule)], *end = i, found = true;
    if (i == text.size()) break;
    uint32_t next = 0;
    for (const auto& [byte, child] : nodes_[node].children) {
      if (byte == text[i]) next = child;
    }
    node = next;
  }
  return found;
}

bool AddedTokenFinder::find(std::string_view text, size_t floor, size_t* from, Match* match) const {
  for (size_t at = *from; at < text.size(); ++at) {
    const Rule* rule = nullptr;
    size_t end = 0;
    if (first_[static_cast<unsigned char>(text[at])] == 0 || !longest_at(text, at, &end, &rule)) continue;
    *from = end;
    if (rule->single_word && (ends_with_word(text.substr(0, at)) || begins_with_word(text.substr(end)))) {
      at = end - 1;  // like the reference: the search goes on after the rejected match
      continue;
    }
    *match = {at, end, rule->id};
    if (rule->lstrip) match->begin = std::max(at - trailing_space(text.substr(0, at)), std::min(at, floor));
    if (rule->rstrip) match->end = end + leading_space(text.substr(end));
    return true;
  }
  return false;
}

}  // namespace molmo::text
