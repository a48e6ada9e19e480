// SPDX-License-Identifier: Apache-2.0
#include "data/remarks.h"

#include <fmt/format.h>

#include <algorithm>

namespace molmo::data {
namespace {

bool is_bare(const Record& r) {
  return !r.caption && r.transcripts.empty() && r.qa.empty() && r.points.empty() && r.counts.empty() &&
         r.choices.empty() && r.objects.empty();
}

// Points in percent of which none lies beyond the first percent: fractions of the sides were meant.
bool has_fractions(const Record& record) {
  const auto lies_within_one = [](const geometry::Point& p) { return p.x <= 1 && p.y <= 1; };
  size_t num_points = 0;
  for (const PointsEntry& entry : record.points) {
    if (!entry.is_percent) continue;
    if (!std::all_of(entry.points.begin(), entry.points.end(), lies_within_one)) return false;
    num_points += entry.points.size();
  }
  return num_points > 0;
}

}  // namespace

void RemarkCounter::see(const Record& record) {
  ++num_records_;
  if (is_bare(record)) bare_.add(record.line);
  if (has_fractions(record)) fractions_.add(record.line);
  see_pictures(record);
}

void RemarkCounter::see_pictures(const Record& record) {
  auto split = std::find(splits_.begin(), splits_.end(), record.split);
  if (split == splits_.end()) split = splits_.insert(split, record.split);
  const Picture here{static_cast<uint32_t>(record.line), static_cast<uint32_t>(split - splits_.begin())};
  bool repeats = false;
  for (const std::filesystem::path& path : record.images) {
    const auto [first, is_new] = pictures_.emplace(std::filesystem::hash_value(path), here);
    const Picture& other = first->second;
    if (is_new || other.line == here.line) continue;
    repeats = true;
    if (other.split == here.split) continue;
    if (shared_.count == 0)
      first_shared_ = fmt::format("line {}: {}, in '{}' and '{}'", here.line, path.filename().string(),
                                  splits_[other.split], record.split);
    shared_.add(record.line);
  }
  if (repeats) repeats_.add(record.line);
}

std::vector<std::string> RemarkCounter::remarks() const {
  std::vector<std::string> lines;
  const auto say = [&](const Kind& kind, const std::string& what) {
    if (kind.count > 0)
      lines.push_back(
          fmt::format("{} of {} records {} (first: line {})", kind.count, num_records_, what, kind.first_line));
  };
  say(bare_, "hold no annotation: nothing is learnt from them");
  say(fractions_, "have all their points in the first percent, expected percents from 0 to 100: were fractions meant?");
  say(repeats_, "name a picture that an earlier record names: one record can hold all annotations of a picture");
  if (shared_.count > 0)
    lines.push_back(fmt::format("{} pictures are in more than one split (first: {})", shared_.count, first_shared_));
  return lines;
}

}  // namespace molmo::data
