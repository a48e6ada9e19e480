// Examples to a batch (golden/preprocess/collate). The reference pads every row with empty crops; ours is a flat list,
// which is laid out here as the reference has it.
// SPDX-License-Identifier: Apache-2.0
#include "preprocess/collate.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "oracles/preprocess/options.h"
#include "support/golden.h"

namespace molmo::testing {
namespace {

using preprocess::Batch;
using Shape = std::vector<int64_t>;

preprocess::Example read_example(const CaseTensors& tensors, const Json& shapes, const std::string& prefix) {
  const auto integers = [&](const char* key) {
    return tensors.has(prefix + key) ? tensors.integers(prefix + key) : std::vector<int64_t>{};
  };
  const auto floats = [&](const char* key) {
    return tensors.has(prefix + key) ? tensors.floats(prefix + key) : std::vector<float>{};
  };
  preprocess::Example example;
  example.input_tokens = integers("input_tokens");
  example.target_tokens = integers("target_tokens");
  example.loss_masks = floats("loss_masks");
  example.position_ids = integers("position_ids");
  example.subsegment_ids = integers("subsegment_ids");
  if (!shapes.contains("images") || shapes.at("images")[0] == 0) return example;
  const Shape shape = shapes.at("images").get<Shape>();
  const std::vector<float> patches = floats("images");
  preprocess::ImageInputs image{.num_crops = static_cast<int>(shape[0]),
                                .num_patches = static_cast<int>(shape[1]),
                                .patch_values = static_cast<int>(shape[2]),
                                .num_cells = shapes.at("image_input_idx")[1].get<int>(),
                                .patches = {patches.begin(), patches.end()},
                                .byte_patches = {},
                                .normalization = {},
                                .masks = floats("image_masks"),
                                .token_positions = integers("image_input_idx"),
                                .tokens = {}};
  if (image.patches.empty()) image.patches.assign(static_cast<size_t>(shape[0] * shape[1] * shape[2]), 0.0f);
  example.images.push_back(std::move(image));
  return example;
}

// [C, width] of the flat list as [B, T, width], -1 where a row has no crop; crops beyond T are left out.
template <class T, class Allocator>
std::vector<T> pad_crops(const Batch& batch, const std::vector<T, Allocator>& values, int64_t rows, int64_t crops,
                         int64_t width) {
  std::vector<T> padded(static_cast<size_t>(rows * crops * width), T(-1));
  std::vector<int64_t> used(static_cast<size_t>(rows), 0);
  for (int64_t c = 0; c < batch.num_crops; ++c) {
    const int64_t row = batch.crop_rows[static_cast<size_t>(c)], place = used[static_cast<size_t>(row)]++;
    if (place < crops) std::copy_n(values.begin() + c * width, width, padded.begin() + (row * crops + place) * width);
  }
  return padded;
}

void compare_crops(GoldenCase& golden, const Json& c, const CaseTensors& tensors, const Batch& batch) {
  const Json& shapes = c.at("out_shapes");
  if (!shapes.contains("images")) return golden.expect_equal("crops", batch.num_crops, int64_t{0});
  const int64_t rows = shapes.at("images")[0], crops = shapes.at("images")[1];
  const int64_t patches = shapes.at("images")[2], values = shapes.at("images")[3],
                cells = shapes.at("image_input_idx")[2];
  if (batch.num_crops > 0) {
    golden.expect_equal("shape of a crop", Shape{batch.num_patches, batch.patch_values, batch.num_cells},
                        Shape{patches, values, cells});
  }
  if (tensors.has("out.images")) {
    golden.expect_near("images", pad_crops(batch, batch.patches, rows, crops, patches * values),
                       tensors.floats("out.images"), 0.0);
  }
  if (tensors.has("out.image_masks")) {
    golden.expect_near("image_masks", pad_crops(batch, batch.image_masks, rows, crops, patches),
                       tensors.floats("out.image_masks"), 0.0);
  }
  // What the reference leaves pointing beyond a cut row, or to padding, is negative in ours: both mean "nowhere".
  std::vector<int64_t> got = pad_crops(batch, batch.token_positions, rows, crops, cells),
                       expected = tensors.integers("out.image_input_idx");
  for (int64_t& position : got) position = std::max<int64_t>(position, -1);
  for (int64_t& position : expected) position = position < 0 || position >= batch.sequence_length ? -1 : position;
  golden.expect_integers("image_input_idx", got, expected);
}

void run_collate_case(const std::filesystem::path& path, GoldenCase& golden) {
  const Json c = read_json(path);
  const CaseTensors tensors(path);
  std::vector<preprocess::Example> examples;
  for (size_t i = 0; i < c.at("example_shapes").size(); ++i) {
    examples.push_back(read_example(tensors, c.at("example_shapes")[i], "in." + std::to_string(i) + "."));
  }
  const Json& collator = c.at("collator");
  const Json& limit = collator.at("max_sequence_length");
  const Batch batch = preprocess::collate(
      examples, {.sequence_length = limit.is_null() ? std::numeric_limits<int64_t>::max() : limit.get<int64_t>(),
                 .pad_to_max = collator.at("pad") == "to_max"});
  golden.expect_equal("shape", Shape{batch.num_rows, batch.sequence_length},
                      c.at("out_shapes").at("input_ids").get<Shape>());
  golden.expect_integers("input_ids", batch.input_ids, tensors.integers("out.input_ids"));
  golden.expect_integers("labels", batch.labels, tensors.integers("out.labels"));
  golden.expect_near("loss_masks", batch.loss_masks, tensors.floats("out.loss_masks"), 0.0);
  const std::pair<const char*, const std::vector<int64_t>*> optional_keys[] = {
      {"position_ids", &batch.position_ids}, {"subsegment_ids", &batch.subsegment_ids}};
  for (const auto& [key, got] : optional_keys) {
    if (tensors.has(std::string("out.") + key)) {
      golden.expect_integers(key, *got, tensors.integers(std::string("out.") + key));
    } else {
      golden.expect_true(std::string(key) + " hold padding only",
                         std::all_of(got->begin(), got->end(), [](int64_t id) { return id == -1; }));
    }
  }
  compare_crops(golden, c, tensors, batch);
}

}  // namespace

GOLDEN_PART(collate) { run.run_folder("collate", ".json", run_collate_case); }

}  // namespace molmo::testing
