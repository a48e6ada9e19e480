// Texts of a dataset in which the text of a special token stands.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/dataset.h"
#include "text/tokenizer.h"

namespace molmo::data {

/// "2 of 40 records hold the text of a special token (first: line 3, '<|image|>'), which is read as plain text"; empty
/// where none does.
std::string remark_special_text(const Dataset& dataset, const text::Tokenizer& tokenizer);

}  // namespace molmo::data
