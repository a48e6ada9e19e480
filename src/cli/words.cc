// SPDX-License-Identifier: Apache-2.0
#include "cli/words.h"

#include <algorithm>

namespace molmo::cli {
namespace {

constexpr char kMark = '\x01';

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alphanumeric(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

std::string marked(std::string_view value) { return kMark + std::string(value); }

// Words that CLI11 takes as they are, names of subcommands among them.
bool is_plain(std::string_view value) { return !value.empty() && is_alphanumeric(value.front()); }

std::string mark_value(std::string_view word) {
  if (!is_option_word(word)) return is_plain(word) ? std::string(word) : marked(word);
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos || is_plain(word.substr(equals + 1))) return std::string(word);
  return std::string(word.substr(0, equals + 1)) + marked(word.substr(equals + 1));
}

size_t place_of_dashes(int argc, const char* const* argv) {
  const auto is_dashes = [](std::string_view word) { return word == "--"; };
  return static_cast<size_t>(std::find_if(argv + std::min(1, argc), argv + argc, is_dashes) - argv);
}

}  // namespace

bool is_option_word(std::string_view word) {
  const std::string_view dashes = word.starts_with("--") ? "--" : "-";
  if (!word.starts_with(dashes)) return false;
  const std::string_view name = word.substr(dashes.size(), word.find('=') - dashes.size());
  const auto belongs = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; };
  return !name.empty() && is_letter(name.front()) && std::all_of(name.begin(), name.end(), belongs);
}

std::vector<std::string> mark_values(int argc, const char* const* argv) {
  const size_t dashes = place_of_dashes(argc, argv);
  std::vector<std::string> words;
  for (size_t i = 1; i < static_cast<size_t>(argc); ++i) {
    if (i != dashes) words.push_back(i < dashes ? mark_value(argv[i]) : marked(argv[i]));
  }
  return words;
}

std::string unmarked(std::string_view word) { return std::string(word.substr(word.starts_with(kMark) ? 1 : 0)); }

std::string without_marks(std::string text) {
  std::erase(text, kMark);
  return text;
}

size_t num_words_after_dashes(int argc, const char* const* argv) {
  const size_t dashes = place_of_dashes(argc, argv), count = static_cast<size_t>(argc);
  return dashes < count ? count - dashes - 1 : 0;
}

}  // namespace molmo::cli
