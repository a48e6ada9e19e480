// Added tokens: strings that stand for one id wherever they occur in a text, found before the text is split into words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace molmo::text {

/// One added token with the flags of a HF tokenizer.json.
struct AddedToken {
  int64_t id = -1;
  std::string content;
  bool special = true;                  ///< dropped by decode(skip_special)
  bool normalized = false;              ///< searched in the normalised text rather than in the raw text
  bool single_word = false;             ///< only where no word character touches it
  bool lstrip = false, rstrip = false;  ///< the match includes the white space before (after) it
  bool in_vocabulary = false;           ///< the model has this piece too: it stays where the added token is dropped
};

/// Finds added tokens: leftmost first, then longest.
class AddedTokenFinder {
 public:
  struct Match {
    size_t begin = 0, end = 0;  ///< bytes of the text that the token replaces
    int64_t id = -1;
  };

  /// Adds a token under the string to search for (its content, or the normalised content). Empty strings never match.
  void add(const AddedToken& token, std::string_view searched);

  bool empty() const { return rules_.empty(); }

  /// Finds the first token at or after `*from`, and moves `*from` past the match as the search sees it.
  /// `floor` is the end of the text already replaced: lstrip takes no white space before it.
  bool find(std::string_view text, size_t floor, size_t* from, Match* match) const;

 private:
  struct Node {
    std::vector<std::pair<char, uint32_t>> children;
    int32_t rule = -1;  // index into rules_ of the token that ends here
  };
  struct Rule {
    int64_t id;
    bool single_word, lstrip, rstrip;
  };

  bool longest_at(std::string_view text, size_t at, size_t* end, const Rule** rule) const;

  std::vector<Node> nodes_{1};  // a trie; node 0 is the root
  std::vector<Rule> rules_;
  std::array<uint32_t, 256> first_{};  // child of the root by byte, 0: none
};

/// Cuts `text` at added tokens: `on_text(piece)` for the (non-empty) text between, `on_token(id)` for each token.
template <class OnText, class OnToken>
void split_at_added_tokens(const AddedTokenFinder& finder, std::string_view text, OnText&& on_text,
                           OnToken&& on_token) {
  size_t done = 0, from = 0;
  AddedTokenFinder::Match match;
  while (!finder.empty() && finder.find(text, done, &from, &match)) {
    if (match.begin > done) on_text(text.substr(done, match.begin - done));
    on_token(match.id);
    done = std::max(done, match.end);
  }
  if (done < text.size()) on_text(text.substr(done));
}

}  // namespace molmo::text
