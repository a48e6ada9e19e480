// SPDX-License-Identifier: Apache-2.0
#include "data/places.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "image/decode.h"
#include "image/picture_info.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

constexpr size_t kMostShown = 20;

bool has_places(const Record& record) {
  return record.images.size() == 1 && (!record.points.empty() || !record.objects.empty());
}

void check_points(const PointsEntry& entry, ImageSize size) {
  for (size_t i = 0; i < entry.points.size(); ++i) {
    const geometry::Point& p = entry.points[i];
    if (!entry.is_percent && (p.x > size.width || p.y > size.height)) {
      throw Error(fmt::format("[data] point of '{}' outside the picture, got {}, expected at most [{}, {}]",
                              entry.label, to_text(p), size.width, size.height));
    }
    if (!entry.is_percent || entry.boxes.empty()) continue;  // in pixels the reader has compared them
    const geometry::Point pixel{p.x * size.width / 100, p.y * size.height / 100};
    if (contains(entry.boxes[i], pixel, {1 + size.width / 100.0, 1 + size.height / 100.0})) continue;  // whole percents
    throw Error(fmt::format("[data] box of '{}' does not hold its point, got {} in pixels for {} percent of {}x{}",
                            entry.label, to_text(entry.boxes[i]), to_text(p), size.width, size.height));
  }
}

std::string problem_of(const Record& record, ImageSize size) {
  try {
    check_places(record, size);
  } catch (const Error& error) {
    return with_orientation_hint(error.what(), record.images[0]);
  }
  return "";
}

// Empty where all is well. Headers can mislead: what they show as bad is looked at in the decoded picture.
std::string examine(const Record& record, const DecodeLimits& limits) {
  try {
    const image::PictureInfo info = image::read_picture_info(record.images[0]);
    if (problem_of(record, {info.width, info.height}).empty()) return "";
    const image::Picture picture = image::load_picture(record.images[0], limits);
    return problem_of(record, {picture.width, picture.height});
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

void check_places(const Record& record, ImageSize size) {
  for (const PointsEntry& entry : record.points) check_points(entry, size);
  for (const auto& [kind, box] : record.objects) {
    if (box.x1 <= size.width + 1 && box.y1 <= size.height + 1) continue;  // edges are often counted up to one pixel on
    throw Error(fmt::format("[data] box of '{}' outside the picture, got {}, expected at most [{}, {}]", kind,
                            to_text(box), size.width, size.height));
  }
}

std::string with_orientation_hint(std::string message, const std::filesystem::path& picture) {
  try {
    const int orientation = image::read_picture_info(picture).orientation;
    if (orientation == 1) return message;
    return message +
           fmt::format(" (its EXIF orientation is {}: places count in the upright picture, not in the stored one)",
                       orientation);
  } catch (const Error&) {
    return message;
  }
}

std::vector<std::string> find_bad_places(const Dataset& dataset, int64_t max_records, const DecodeLimits& limits) {
  std::vector<const Record*> candidates;
  for (const Record& record : dataset.records) {
    if (has_places(record)) candidates.push_back(&record);
  }
  const auto total = static_cast<int64_t>(candidates.size()), count = std::min(total, max_records);
  std::vector<std::string> bad;
  for (int64_t i = 0; i < count; ++i) {
    const Record& record = *candidates[static_cast<size_t>(i * total / count)];
    if (const std::string problem = examine(record, limits); !problem.empty())
      bad.push_back(fmt::format("line {}: {}", record.line, problem));
  }
  return bad;
}

void expect_good_places(const std::vector<Dataset>& datasets, int64_t max_records, int64_t max_bad,
                        const DecodeLimits& limits) {
  std::string message;
  size_t count = 0;
  for (const Dataset& dataset : datasets) {
    for (const std::string& problem : find_bad_places(dataset, max_records, limits)) {
      if (++count <= kMostShown) message += fmt::format("\n  {}, {}", dataset.file.string(), problem);
    }
  }
  if (count == 0) return;
  if (count > kMostShown) message += fmt::format("\n  ... and {} more", count - kMostShown);
  message = fmt::format(
      "[data] {} of the records that were looked at are bad examples, at most {} are left out in training{}", count,
      max_bad, message);
  if (static_cast<int64_t>(count) > max_bad) throw Error(message);
  log_warning(message);
}

}  // namespace molmo::data
