// Tiling, fitted sizes and resizes of all towers (golden/preprocess: tiling.jsonl, fit.jsonl, resize/).
// SPDX-License-Identifier: Apache-2.0
#include "image/resize.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "image/decode.h"
#include "image/normalize.h"
#include "oracles/preprocess/options.h"
#include "oracles/preprocess/values.h"
#include "preprocess/tiling.h"

namespace molmo::testing {
namespace {

constexpr int kBlock = 14;

// Resized, padded and normalised.
std::vector<float> normalized_canvas(const Json& c, const std::filesystem::path& folder) {
  const image::Picture picture = image::load_picture(folder / c.at("input").at("image").get<std::string>());
  const image::Normalization normalize = image::normalization_of(normalize_kind(c.at("normalize").get<std::string>()));
  image::Resizer resizer(picture, c.at("target")[1].get<int>(), c.at("target")[0].get<int>(),
                         resize_kind(c.at("resize").get<std::string>()), c.at("pad_value").get<float>());
  const size_t row_size = size_t{3} * resizer.width();
  std::vector<float> values(row_size * resizer.height());
  for (int y = 0; y < resizer.height(); ++y) resizer.next_row(values.data() + row_size * y);
  for (size_t i = 0; i < values.size(); ++i) values[i] = normalize(values[i], static_cast<int>(i % 3));
  return values;
}

void compare_blocks(GoldenCase& golden, const CaseTensors& tensors, const std::vector<float>& values, int height,
                    int width, const ValueTolerance& tolerance) {
  const int rows = height / kBlock, columns = width / kBlock;
  std::vector<float> means, absolute_sums;
  for (int v = 0; v < rows; ++v) {
    for (int u = 0; u < columns; ++u) {
      double sums[3] = {}, absolute = 0.0;
      for (int y = 0; y < kBlock; ++y) {
        for (int x = 0; x < 3 * kBlock; ++x) {
          const double value = values[(static_cast<size_t>(v * kBlock + y) * width + u * kBlock) * 3 + x];
          sums[x % 3] += value;
          absolute += std::abs(value);
        }
      }
      for (const double sum : sums) means.push_back(static_cast<float>(sum / (kBlock * kBlock)));
      absolute_sums.push_back(static_cast<float>(absolute));
    }
  }
  golden.expect_near("patch_mean", means, tensors.floats("patch_mean"), tolerance.mean);
  golden.expect_near("patch_abs_sum", absolute_sums, tensors.floats("patch_abs_sum"), tolerance.sum);
}

void run_resize_case(const std::filesystem::path& path, GoldenCase& golden) {
  const Json c = read_json(path);
  const std::filesystem::path folder = path.parent_path().parent_path();
  if (c.contains("error")) return golden.expect_error("resize", [&] { normalized_canvas(c, folder); });
  if (c.contains("reference_defect")) return golden.skip(c.at("reference_defect").get<std::string>());
  const CaseTensors tensors(path);
  const int height = c.at("target")[0], width = c.at("target")[1];
  const std::vector<float> values = normalized_canvas(c, folder);
  const ValueTolerance tolerance = value_tolerance(resize_kind(c.at("resize").get<std::string>()),
                                                   normalize_kind(c.at("normalize").get<std::string>()));
  if (tensors.has("pixels")) expect_values(golden, "pixels", values, tensors.floats("pixels"), tolerance);
  if (tensors.has("sample_rgb")) {
    const std::vector<int64_t> places = tensors.integers("sample_yx");
    std::vector<float> samples;
    for (size_t i = 0; i < places.size(); i += 2) {
      for (int channel = 0; channel < 3; ++channel)
        samples.push_back(values[static_cast<size_t>(places[i] * width + places[i + 1]) * 3 + channel]);
    }
    expect_values(golden, "sample_rgb", samples, tensors.floats("sample_rgb"), tolerance);
  }
  if (tensors.has("patch_mean")) compare_blocks(golden, tensors, values, height, width, tolerance);
}

}  // namespace

GOLDEN_PART(resize) { run.run_folder("resize", ".json", run_resize_case); }

GOLDEN_PART(fit) {
  const auto path = run.folder() / "fit.jsonl";
  if (!std::filesystem::exists(path)) return;
  run.run_case("fit", [&](GoldenCase& golden) {
    for_each_json_line(path, [&](size_t number, const Json& line) {
      const auto fit = [&] {
        return image::fit_content(line.at("w"), line.at("h"), line.at("target_w"), line.at("target_h"));
      };
      const std::string what = fmt::format("line {}", number);
      if (line.contains("error")) return golden.expect_error(what, [&] { fit(); });
      const Json& content = line.at("content");
      golden.expect_equal(
          what, fit(),
          image::Content{content.at("top"), content.at("left"), content.at("height"), content.at("width")});
    });
  });
}

GOLDEN_PART(tiling) {
  const auto path = run.folder() / "tiling.jsonl";
  if (!std::filesystem::exists(path)) return;
  run.run_case("tiling", [&](GoldenCase& golden) {
    for_each_json_line(path, [&](size_t number, const Json& line) {
      const preprocess::Tiling tiling =
          preprocess::choose_tiling(line.at("h"), line.at("w"), line.at("window"), line.at("max_crops"));
      golden.expect_equal(fmt::format("line {}", number), tiling, preprocess::Tiling{line.at("rows"), line.at("cols")});
    });
  });
}

}  // namespace molmo::testing
