// From a model's raw reply to the text that an answer metric reads. Facts: spec/eval.md §1.3, §2.5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace molmo::metrics {

/// The text between the first and the second "Answer:", else the most frequent line (first in order on ties, the empty
/// line counts too), else the reply with its white space collapsed.
std::string clean_prediction(std::string_view reply);

/// The most frequent line of a reply, as submission files want it; "Answer:" is left alone.
std::string clean_submission(std::string_view reply);

}  // namespace molmo::metrics
