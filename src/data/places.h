// Whether the places that a record names lie in its picture: found before training for some pictures, by their headers,
// and for every example when it is made.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "molmo/decode_limits.h"

namespace molmo::data {

/// Error, naming the label, if a point in pixels or a box of an object lies outside the picture, or if the box of a
/// point in percent does not hold it.
void check_places(const Record& record, ImageSize size);

/// Appends a hint to a message of check_places: that the picture is stored turned, where it is.
std::string with_orientation_hint(std::string message, const std::filesystem::path& picture);

/// Checks up to `max_records` records with places, evenly spread over the dataset, by the headers of their pictures
/// (one read of a file each; what looks bad there is decoded, within `limits`). Returns a message per bad record, "line
/// 12: ...".
std::vector<std::string> find_bad_places(const Dataset& dataset, int64_t max_records, const DecodeLimits& limits = {});

/// find_bad_places over all datasets, each with `max_records`. More bad records than `max_bad` are an Error that shows
/// the first 20; fewer are logged.
void expect_good_places(const std::vector<Dataset>& datasets, int64_t max_records, int64_t max_bad,
                        const DecodeLimits& limits);

}  // namespace molmo::data
