// SPDX-License-Identifier: Apache-2.0
#include "metrics/anls.h"

#include <algorithm>

#include "base/unicode_text.h"
#include "molmo/error.h"

namespace molmo::metrics {

using namespace unicode;

AnlsParts anls_parts(std::string_view prediction, std::string_view reference) {
  const std::u32string a = decode_utf8(prediction), b = decode_utf8(reference);
  return {edit_distance(lower(a), lower(b)), std::max(a.size(), b.size())};
}

double anls_one(std::string_view prediction, std::string_view reference, double threshold, ScoringMode mode) {
  const AnlsParts parts = anls_parts(prediction, reference);
  if (parts.max_length == 0) {
    if (mode == ScoringMode::kFixed) return 1.0;
    throw Error("[anls] prediction and reference are both empty: no similarity in reference mode");
  }
  const double distance = static_cast<double>(parts.edit_distance) / static_cast<double>(parts.max_length);
  return distance < threshold ? 1.0 - distance : 0.0;
}

std::optional<double> anls(std::string_view prediction, std::span<const std::string> references, double threshold,
                           ScoringMode mode) {
  if (references.empty()) {
    if (mode == ScoringMode::kFixed) return std::nullopt;
    throw Error("[anls] got no reference answers, expected at least one in reference mode");
  }
  double best = 0.0;
  for (const std::string& reference : references)
    best = std::max(best, anls_one(prediction, reference, threshold, mode));
  return best;
}

}  // namespace molmo::metrics
