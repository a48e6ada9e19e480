// The text that a model will see, for training a small tokenizer on it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/own_data.h"

namespace molmo::data {

/// Every turn that captioning and SFT make of the records: captions, transcripts, prompts from the templates, answers
/// and point text. Deterministic by `seed`.
std::vector<std::string> tokenizer_corpus(const std::vector<Record>& records, uint32_t seed);

/// Pieces that make point text short: the fixed parts of the tags, alone and after ".0". A coordinate of whole
/// percents takes its digits and one more token; digits stay apart, because ten of them are learnt from fewer points
/// than a hundred numbers.
std::vector<std::string> point_text_pieces();

}  // namespace molmo::data
