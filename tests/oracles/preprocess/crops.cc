// Crops, image tokens, index maps and padding masks of a picture (golden/preprocess/crops).
// SPDX-License-Identifier: Apache-2.0
#include "preprocess/crops.h"

#include <nlohmann/json.hpp>

#include "image/decode.h"
#include "oracles/preprocess/options.h"
#include "oracles/preprocess/values.h"

namespace molmo::testing {
namespace {

void compare_sums(GoldenCase& golden, const CaseTensors& tensors, const preprocess::ImageInputs& inputs,
                  const ValueTolerance& tolerance) {
  std::vector<float> sums, weighted;
  const auto size = static_cast<size_t>(inputs.patch_values);
  for (size_t begin = 0; begin < inputs.patches.size(); begin += size) {
    double sum = 0.0, weighted_sum = 0.0;
    for (size_t k = 0; k < size; ++k) {
      sum += inputs.patches[begin + k];
      weighted_sum += inputs.patches[begin + k] * (static_cast<double>(k + 1) / static_cast<double>(size));
    }
    sums.push_back(static_cast<float>(sum));
    weighted.push_back(static_cast<float>(weighted_sum));
  }
  golden.expect_near("patch_sums", sums, tensors.floats("patch_sums"), tolerance.sum);
  if (tensors.has("patch_wsums"))
    golden.expect_near("patch_wsums", weighted, tensors.floats("patch_wsums"), tolerance.sum);
}

void compare_crops(GoldenCase& golden, const Json& c, const CaseTensors& tensors,
                   const preprocess::ImageInputs& inputs) {
  const config::PreprocessConfig config = preprocess_options(c.at("options"));
  const ValueTolerance tolerance = value_tolerance(config.resize, config.normalize);
  const std::vector<int64_t> shape = {inputs.num_crops, inputs.num_patches, inputs.patch_values};
  golden.expect_equal("crops_shape", shape, c.at("crops_shape").get<std::vector<int64_t>>());
  golden.expect_integers("tokens", inputs.tokens, tensors.integers("tokens"));
  golden.expect_integers("image_input_idx", inputs.token_positions, tensors.integers("image_input_idx"));
  if (config.use_image_masks && tensors.has("image_masks"))
    golden.expect_near("image_masks", inputs.masks, tensors.floats("image_masks"), 1e-7);
  if (c.contains("reference_defect")) return;  // the reference scrambles the pixels of a crop that is not square
  if (tensors.has("crops"))
    expect_values(golden, "crops", std::vector<float>(inputs.patches.begin(), inputs.patches.end()),
                  tensors.floats("crops"), tolerance);
  if (tensors.has("patch_sums")) compare_sums(golden, tensors, inputs, tolerance);
  if (!tensors.has("sample_values")) return;
  const std::vector<int64_t> places = tensors.integers("sample_index");
  std::vector<float> samples;
  for (size_t i = 0; i < places.size(); i += 2) {
    const auto begin = inputs.patches.begin() + (places[i] * inputs.num_patches + places[i + 1]) * inputs.patch_values;
    samples.insert(samples.end(), begin, begin + inputs.patch_values);
  }
  expect_values(golden, "sample_values", samples, tensors.floats("sample_values"), tolerance);
}

void run_crops_case(const std::filesystem::path& path, GoldenCase& golden) {
  const Json c = read_json(path);
  const auto make = [&] {
    const image::Picture picture =
        image::load_picture(path.parent_path().parent_path() / c.at("input").at("image").get<std::string>());
    return preprocess::make_image_inputs(picture, preprocess_options(c.at("options")),
                                         special_tokens(c.at("token_ids")));
  };
  if (c.contains("error")) return golden.expect_error("crops", make);
  compare_crops(golden, c, CaseTensors(path), make());
}

}  // namespace

GOLDEN_PART(crops) { run.run_folder("crops", ".json", run_crops_case); }

}  // namespace molmo::testing
