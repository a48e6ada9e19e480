// Caption scores: cap F1 of judged statements (the paper's dense-caption score), and word F1, our judge-free
// substitute. Facts: spec/eval.md §1.12. Paper: [P App.C], [P Tab.2].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace molmo::metrics {

/// A judge's labels for one caption. Lines that it left unparsed or unclear are not counted at all.
struct CaptionJudgement {
  size_t num_stated = 0, num_not_stated = 0;        ///< reference statements found in the caption, or not
  size_t num_consistent = 0, num_inconsistent = 0;  ///< statements of the caption borne out, or not
};

/// Scores of one caption in 0 to 1; unset without statements of that side.
struct CaptionScore {
  std::optional<double> recall, recall_at_10, consistency;
};
CaptionScore caption_score(const CaptionJudgement& judgement);

/// Percent over a set. cap_f1 is the harmonic mean of the mean recall and the mean consistency, 0 where both are 0.
struct CapF1 {
  double recall = 0.0, recall_at_10 = 0.0, consistency = 0.0, cap_f1 = 0.0;  ///< NaN: no caption counts
};
CapF1 cap_f1(std::span<const CaptionJudgement> judgements);

/// F1 of the multisets of content words of a caption and its reference: runs of \w in the folded text (reply_text.h),
/// without English stop words. 1 if neither has content words, 0 if only one has. DEVIATION: not in the paper; needs no
/// judge, and is comparable only with itself.
double caption_word_f1(std::string_view caption, std::string_view reference);

}  // namespace molmo::metrics
