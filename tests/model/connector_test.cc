// Which patches each pooled token looks at.
// SPDX-License-Identifier: Apache-2.0
#include "model/connector.h"

#include <gtest/gtest.h>

#include "model/tiny_config.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

// Tokens that change with the patch at (row, column) of a grid of `height` x `width` patches, pooled 2 x 2.
std::vector<int64_t> touched(int height, int width, int64_t row, int64_t column) {
  const at::NoGradGuard no_grad;
  config::ModelConfig config = molmo::testing::tiny_model_config();
  config.vit.image_height = 2 * height, config.vit.image_width = 2 * width;  // patches of 2 pixels
  config.connector.pooling = config::PoolingKind::kStack;
  ParamSet params;
  const Connector connector(config, ParamScope(params, "c"));
  params.materialize(at::kCPU, 1);
  for (Parameter& param : params.all()) {
    if (param.init.kind == Init::Kind::kNormal) param.value.mul_(20.0);
  }
  Tensor features = at::ones({1, int64_t{height} * width, 2 * int64_t{config.vit.width}});
  const Tensor before = connector(features, {}, {});
  features[0][row * width + column].mul_(3.0);
  const Tensor changed = (connector(features, {}, {}) - before).abs().amax({0, 2}) > 1e-6;  // [P]
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < changed.numel(); ++i) {
    if (changed[i].item<bool>()) tokens.push_back(i);
  }
  return tokens;
}

TEST(Connector, GridsWithOneOddSideArePaddedThere) {
  using Tokens = std::vector<int64_t>;
  EXPECT_EQ(touched(4, 4, 1, 1), Tokens{0});
  EXPECT_EQ(touched(4, 4, 2, 1), Tokens{2});
  EXPECT_EQ(touched(3, 4, 2, 0), Tokens{2});  // two rows and two columns of tokens
  EXPECT_EQ(touched(3, 4, 2, 3), Tokens{3});
  EXPECT_EQ(touched(4, 3, 0, 2), Tokens{1});
  EXPECT_EQ(touched(4, 3, 3, 2), Tokens{3});
  EXPECT_EQ(touched(4, 5, 3, 4), Tokens{5});  // two rows of three
}

}  // namespace
}  // namespace molmo::model
