// SPDX-License-Identifier: Apache-2.0
#include "model/flops.h"

#include <gtest/gtest.h>

#include "config/presets.h"
#include "model/molmo.h"

namespace molmo::model {
namespace {

// Two operations per parameter and token, where every parameter is a matrix that each token meets once.
TEST(Flops, FollowTheParameters) {
  for (const char* name : {"molmo-7b-d", "molmo-7b-o", "molmo-72b"}) {
    const config::ModelConfig config = config::preset(name).model;
    const Molmo molmo(config);
    double matrices = 0.0;
    for (const Parameter& param : molmo.params().all()) {
      const bool is_matrix = param.name.starts_with("model.transformer.blocks.") && param.value.dim() == 2;
      if (is_matrix) matrices += static_cast<double>(param.value.numel());
    }
    const PassWork work{.num_tokens = 1000};
    EXPECT_NEAR(forward_flops(config, work) / (2000.0 * matrices), 1.0, 1e-9) << name;
  }
}

TEST(Flops, MixturesCountTheExpertsOfAToken) {
  config::ModelConfig config = config::preset("molmoe-1b").model;
  const PassWork work{.num_tokens = 10};
  const double eight = forward_flops(config, work);
  config.decoder.experts_per_token = 16;
  const config::DecoderConfig& d = config.decoder;
  EXPECT_NEAR(forward_flops(config, work) - eight, 2.0 * 10 * 8 * 3.0 * d.width * d.ffn_width * d.num_layers, 1.0);
}

// CLIP ViT-L/14 at 336 pixels: 22 blocks of 12 width^2 parameters over 577 tokens and their attention.
TEST(Flops, CountTheTowerPerCrop) {
  const config::ModelConfig config = config::preset("molmo-7b-d").model;
  const double block = 577.0 * 12 * 1024 * 1024 + 2.0 * 577 * 577 * 1024, patches = 576.0 * 588 * 1024;
  const double tower = 2.0 * (22 * block + patches), crop = forward_flops(config, {.num_crops = 1});
  EXPECT_GT(crop, tower * 0.99);
  EXPECT_LT(crop, tower * 1.25);  // and the connector
  EXPECT_DOUBLE_EQ(forward_flops(config, {.num_crops = 7}), 7 * crop);
}

}  // namespace
}  // namespace molmo::model
