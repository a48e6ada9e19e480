// SPDX-License-Identifier: Apache-2.0
#include "metrics/cap_f1.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/unicode_text.h"
#include "metrics/average.h"
#include "metrics/reply_text.h"

namespace molmo::metrics {

using namespace unicode;

namespace {

constexpr std::u32string_view kStopWords[] = {
    U"a",     U"about", U"above", U"across", U"all",     U"also", U"an",    U"and",   U"any",  U"are",
    U"as",    U"at",    U"be",    U"been",   U"being",   U"but",  U"by",    U"can",   U"do",   U"does",
    U"each",  U"for",   U"from",  U"had",    U"has",     U"have", U"he",    U"her",   U"his",  U"i",
    U"if",    U"image", U"in",    U"into",   U"is",      U"it",   U"its",   U"of",    U"on",   U"one",
    U"or",    U"our",   U"out",   U"photo",  U"picture", U"s",    U"she",   U"so",    U"some", U"such",
    U"than",  U"that",  U"the",   U"their",  U"them",    U"then", U"there", U"these", U"they", U"this",
    U"those", U"to",    U"too",   U"up",     U"very",    U"was",  U"we",    U"were",  U"what", U"when",
    U"where", U"which", U"while", U"who",    U"will",    U"with", U"would", U"you",   U"your"};

std::map<std::u32string, size_t> count_content_words(std::string_view text) {
  const std::u32string lowered = fold_reply(text);
  std::map<std::u32string, size_t> counts;
  for (size_t i = 0; i < lowered.size();) {
    const size_t begin = i;
    while (i < lowered.size() && is_word(lowered[i])) ++i;
    const std::u32string word = lowered.substr(begin, i - begin);
    const bool is_stop_word = std::find(std::begin(kStopWords), std::end(kStopWords), word) != std::end(kStopWords);
    if (!word.empty() && !is_stop_word) ++counts[word];
    if (i == begin) ++i;
  }
  return counts;
}

size_t total(const std::map<std::u32string, size_t>& counts) {
  size_t sum = 0;
  for (const auto& [word, count] : counts) sum += count;
  return sum;
}

double percent_mean(std::span<const CaptionScore> scores, std::optional<double> CaptionScore::*part) {
  std::vector<double> values;
  for (const CaptionScore& score : scores) {
    if (score.*part) values.push_back(*(score.*part));
  }
  return 100.0 * plain_mean(values);
}

}  // namespace

CaptionScore caption_score(const CaptionJudgement& judgement) {
  CaptionScore score;
  const size_t num_statements = judgement.num_stated + judgement.num_not_stated;
  if (num_statements > 0) {
    const auto capped = [](size_t n) { return static_cast<double>(std::min<size_t>(n, 10)); };
    score.recall = static_cast<double>(judgement.num_stated) / static_cast<double>(num_statements);
    score.recall_at_10 = capped(judgement.num_stated) / capped(num_statements);
  }
  const size_t num_claims = judgement.num_consistent + judgement.num_inconsistent;
  if (num_claims > 0)
    score.consistency = static_cast<double>(judgement.num_consistent) / static_cast<double>(num_claims);
  return score;
}

CapF1 cap_f1(std::span<const CaptionJudgement> judgements) {
  std::vector<CaptionScore> scores;
  for (const CaptionJudgement& judgement : judgements) scores.push_back(caption_score(judgement));
  CapF1 result{percent_mean(scores, &CaptionScore::recall), percent_mean(scores, &CaptionScore::recall_at_10),
               percent_mean(scores, &CaptionScore::consistency), 0.0};
  const double sum = result.recall + result.consistency;
  if (sum != 0.0) result.cap_f1 = 2.0 * result.recall * result.consistency / sum;
  return result;
}

double caption_word_f1(std::string_view caption, std::string_view reference) {
  const auto predicted = count_content_words(caption), expected = count_content_words(reference);
  const size_t num_words = total(predicted) + total(expected);
  if (num_words == 0) return 1.0;
  size_t num_shared = 0;
  for (const auto& [word, count] : predicted) {
    const auto found = expected.find(word);
    if (found != expected.end()) num_shared += std::min(count, found->second);
  }
  return 2.0 * static_cast<double>(num_shared) / static_cast<double>(num_words);
}

}  // namespace molmo::metrics
