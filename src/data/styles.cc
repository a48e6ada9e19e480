// SPDX-License-Identifier: Apache-2.0
#include "data/styles.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/choices.h"
#include "data/own_data.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

constexpr std::string_view kStyles[] = {
    "demo",
    // Free questions, captions and points.
    "user_qa", "long_caption", "transcript", "pointing", "point_count", "point_qa", "synthetic_qa",
    // Short answers, the first those of own data.
    kShortAnswerStyle, kMultipleChoiceStyle, "clock", "vqa2", "okvqa", "a_okvqa_da", "a_okvqa_mc", "text_vqa",
    "chart_qa", "doc_qa", "info_qa", "st_qa", "tally_qa", "science_qa", "ai2_diagram", "ai2_diagram_no_letter",
    "tabwmp_da", "figure_qa", "plot_qa", "dv_qa", "clocks", "pixmo_docs_charts", "pixmo_docs_diagrams",
    "pixmo_docs_tables", "pixmo_docs_other", "android_control",
    // Benchmarks: the tags of vqa2 and a_okvqa_mc.
    "eval_short_answer", "eval_multiple_choice"};

}  // namespace

std::vector<std::string> known_styles() { return {std::begin(kStyles), std::end(kStyles)}; }

void expect_known_style(std::string_view style) {
  if (std::find(std::begin(kStyles), std::end(kStyles), style) != std::end(kStyles)) return;
  throw Error(fmt::format("[prompt] style '{0}', {1}; a tag of your own data is written before the prompt: '{0}: ...'",
                          style, expected_one_of(style, known_styles())));
}

}  // namespace molmo::data
