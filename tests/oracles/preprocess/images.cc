// Files to RGB arrays, damaged ones included (golden/preprocess/images).
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "image/decode.h"
#include "molmo/error.h"
#include "support/golden.h"

namespace molmo::testing {
namespace {

// Formats that the program refuses by decision (docs/data.md): rare in datasets, and each would add a library.
bool is_refused_format(const std::string& file) {
  for (const char* extension : {".ppm", ".tga", ".jp2", ".j2k"}) {
    if (file.ends_with(extension)) return true;
  }
  return false;
}

void compare_pixels(GoldenCase& golden, const image::Picture& got, const image::Picture& expected, bool is_damaged) {
  size_t num_different = 0;
  for (size_t i = 0; i < got.pixels.size(); ++i) num_different += got.pixels[i] != expected.pixels[i];
  // A damaged file must agree where it has data; how the rest is filled is free. Half of it is more than any case lacks.
  const double tolerance = is_damaged ? 0.7 * static_cast<double>(got.pixels.size()) : 0.0;
  golden.record("different bytes: " + std::to_string(num_different), got.pixels.size(),
                num_different == 0 ? 0.0 : tolerance > 0 ? static_cast<double>(num_different) / tolerance : INFINITY);
}

void run_image_case(const std::filesystem::path& path, GoldenCase& golden) {
  const Json c = read_json(path);
  const std::filesystem::path file = path.parent_path().parent_path() / c.at("file").get<std::string>();
  const std::filesystem::path found = std::filesystem::exists(file) ? file : path.parent_path() / c.at("file").get<std::string>();
  if (c.contains("error") || is_refused_format(found.string())) return golden.expect_error("decoding", [&] { image::load_picture(found); });
  const image::Picture got = image::load_picture(found);
  golden.expect_equal("width", got.width, c.at("width").get<int>());
  golden.expect_equal("height", got.height, c.at("height").get<int>());
  const std::string expected_name = c.at("expected").get<std::string>();
  const std::filesystem::path expected = path.parent_path().parent_path() / expected_name;
  const image::Picture wanted = image::load_picture(std::filesystem::exists(expected) ? expected : path.parent_path() / expected_name);
  if (got.pixels.size() == wanted.pixels.size()) compare_pixels(golden, got, wanted, path.stem().string().starts_with("bad-"));
}

}  // namespace

GOLDEN_PART(images) { run.run_folder("images", ".json", run_image_case); }

}  // namespace molmo::testing
