// libFuzzer entry: any bytes are a reply, and a metric that compares words gives it a score from 0 to 1. The first byte
// chooses the metric: all of them on every input would make a few hundred inputs in a second.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "metrics/anls.h"
#include "metrics/cap_f1.h"
#include "metrics/clean_prediction.h"
#include "metrics/clock_reply.h"
#include "metrics/exact_match.h"
#include "metrics/mmmu.h"
#include "metrics/multiple_choice.h"
#include "metrics/relaxed_correctness.h"
#include "metrics/reply_text.h"
#include "metrics/short_answer.h"
#include "metrics/vqa_score.h"

namespace {

using namespace molmo::metrics;
using Answers = std::span<const std::string>;

void expect(bool holds) {
  if (!holds) std::abort();
}

void expect_score(double score) { expect(score >= 0.0 && score <= 1.0); }

void score_short_answer(const std::string& reply, Answers answers) {
  expect_score(short_answer_score(reply, answers));
  const std::string own[] = {reply};
  if (!normalize_short_answer(reply).empty()) expect(short_answer_score(reply, own) == 1.0);  // it equals itself
}

void score_mmmu(const std::string& reply, Answers answers) {
  parse_mmmu_letter(reply, answers);
  is_mmmu_open_correct(parse_mmmu_open(reply), answers);
}

void clean(const std::string& reply, Answers) {
  clean_prediction(reply);
  clean_submission(reply);
  says_none(fold_reply(reply));
}

using Use = void (*)(const std::string&, Answers);
constexpr Use kUses[] = {
    [](const std::string& reply, Answers answers) { expect_score(vqa_score(reply, answers)); },
    [](const std::string& reply, Answers answers) { expect_score(a_okvqa_score(reply, answers)); },
    [](const std::string& reply, Answers answers) { expect_score(clock_reply_score(reply, answers)); },
    [](const std::string& reply, Answers answers) { is_exact_match(reply, answers); },
    [](const std::string& reply, Answers answers) { is_relaxed_correct(reply, answers); },
    [](const std::string& reply, Answers answers) { expect(select_option(reply, answers) < answers.size()); },
    [](const std::string& reply, Answers answers) {
      expect_score(anls_one(reply, answers[0], kAnlsThreshold, ScoringMode::kFixed));
    },
    [](const std::string& reply, Answers) { expect_score(caption_word_f1(reply, "a red dog")); },
    score_short_answer,
    score_mmmu,
    clean,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const std::array<std::string, 4> kAnswers = {"red", "12", "50%", "A. a dog"};
  kUses[data[0] % std::size(kUses)](std::string(reinterpret_cast<const char*>(data) + 1, size - 1), kAnswers);
  return 0;
}
