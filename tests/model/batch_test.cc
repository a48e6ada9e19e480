// Patches that stay bytes up to the device.
// SPDX-License-Identifier: Apache-2.0
#include "model/batch.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "preprocess/collate.h"
#include "preprocess/crops.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

const text::SpecialTokens kSpecial{
    .im_start = 100, .im_end = 101, .im_patch = 102, .im_col = 103, .image = 104, .bos = 1, .eos = 2};

image::Picture noise(int width, int height) {
  image::Picture picture(width, height);
  RandomState random(11);
  for (uint8_t& value : picture.pixels) value = static_cast<uint8_t>(random.next_u32() >> 24);
  return picture;
}

preprocess::Batch batch_of(const image::Picture& picture, const config::PreprocessConfig& config) {
  preprocess::Example example;
  example.input_tokens = {kSpecial.bos};
  example.target_tokens = {-1};
  example.loss_masks = {-1.0f};
  example.position_ids = {0};
  example.images = {preprocess::make_image_inputs(picture, config, kSpecial)};
  return preprocess::collate(std::span(&example, 1), {});
}

TEST(Batch, BytePatchesAreTheSameNumbers) {
  config::PreprocessConfig config;
  config.image_height = config.image_width = 112;
  config.max_crops = 4;
  config.overlap_margins = {2, 2};
  using config::NormalizeKind, config::ResizeKind;
  for (const auto& [resize, normalize] :
       {std::pair(ResizeKind::kSiglip, NormalizeKind::kSiglip), std::pair(ResizeKind::kDino, NormalizeKind::kDino),
        std::pair(ResizeKind::kMetaclip, NormalizeKind::kOpenai)}) {
    for (const auto mode : {config::CropMode::kOverlapAndResize, config::CropMode::kResize}) {
      config.resize = resize, config.normalize = normalize, config.crop_mode = mode;
      for (const image::Picture& picture : {noise(301, 150), noise(70, 401), noise(112, 112)}) {
        config.byte_patches = false;
        const Tensor floats = make_inputs(batch_of(picture, config), at::kCPU).patches;
        config.byte_patches = true;
        const preprocess::Batch bytes = batch_of(picture, config);
        EXPECT_TRUE(bytes.patches.empty());
        EXPECT_TRUE(at::equal(make_inputs(bytes, at::kCPU).patches, floats));
      }
    }
  }
}

// What the host knows of a batch, so that nobody has to ask the device.
TEST(Batch, RowsArePlannedWithoutTheirPadding) {
  const Tensor ids = at::tensor({5, 6, 7, -1, 8, -1, -1, -1}, at::kLong).view({2, 4});
  const auto plan = plan_rows(ids, {}, at::kCPU);
  ASSERT_EQ(plan->calls.size(), 1u);
  EXPECT_TRUE(plan->calls[0].query_ends.equal(at::tensor({0, 3, 4, 5, 8}, at::kInt)));
  EXPECT_TRUE(plan->is_padding.equal((ids == -1).flatten()));
}

TEST(Batch, CountedAndPlacedTokensAreFoundOnTheHost) {
  const Tensor weights = at::tensor({0.0f, 0.5f, -1.0f, 0.25f}).view({2, 2});
  const ModelTargets targets = make_targets(at::zeros({2, 2}, at::kLong), weights, at::kCPU);
  EXPECT_TRUE(targets.counted.equal(at::tensor({1, 3}, at::kLong)));
  EXPECT_EQ(targets.weight_sum, 0.75);
  EXPECT_TRUE(placed_tokens(at::tensor({-100, 2, 0, -1}, at::kLong).view({2, 2}), at::kCPU)
                  .equal(at::tensor({1, 2}, at::kLong)));
}

}  // namespace
}  // namespace molmo::model
