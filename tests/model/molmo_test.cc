// SPDX-License-Identifier: Apache-2.0
#include "model/molmo.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "model/tiny_config.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

using molmo::testing::tiny_model_config;

std::unique_ptr<Molmo> make_tiny() {
  auto molmo = std::make_unique<Molmo>(tiny_model_config());
  molmo->params().materialize(at::kCPU, 3);
  // Larger weights than a fresh model's, so that every part shows in the output.
  for (Parameter& param : molmo->params().all()) {
    if (param.init.kind == Init::Kind::kNormal) param.value.mul_(5.0);
  }
  return molmo;
}

// One row: BOS, four image tokens, then `text`.
ModelInputs image_row(const std::vector<int64_t>& text) {
  std::vector<int64_t> ids = {2, 66, 66, 66, 66};
  ids.insert(ids.end(), text.begin(), text.end());
  ModelInputs inputs;
  inputs.input_ids = at::tensor(ids, at::kLong).unsqueeze(0);
  inputs.patches = at::arange(16 * 12, at::kFloat).view({1, 16, 12}).sin();
  inputs.image_masks = at::ones({1, 16});
  inputs.crop_rows = at::zeros({1}, at::kLong);
  inputs.token_positions = at::tensor(std::vector<int64_t>{1, 2, 3, 4}, at::kLong).view({1, 4});
  return inputs;
}

double largest_difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(Molmo, BuildsA72BWithoutAllocating) {
  config::ModelConfig config;
  config.decoder.width = 8192;
  config.decoder.num_layers = 80;
  config.decoder.num_heads = 64;
  config.decoder.num_kv_heads = 8;
  config.decoder.ffn_width = config.connector.hidden_width = 29568;
  const Molmo molmo(config);
  EXPECT_EQ(molmo.params().num_values(), 73308285952);  // spec/model.md §5
}

TEST(Molmo, Default7BDHasThePublishedParameterCount) {
  EXPECT_EQ(Molmo(config::ModelConfig{}).params().num_values(), 8021025280);
}

TEST(Molmo, PackedAnnotationsEqualSeparateRows) {
  const at::NoGradGuard no_grad;
  const auto molmo = make_tiny();
  const std::vector<int64_t> first = {10, 11, 12}, second = {20, 21};
  ModelInputs packed = image_row({10, 11, 12, 20, 21});
  packed.subsegment_ids =
      at::tensor(std::vector<int64_t>{10000, 10000, 10000, 10000, 10000, 1, 1, 1, 2, 2}, at::kLong).unsqueeze(0);
  packed.position_ids = at::tensor(std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 5, 6}, at::kLong).unsqueeze(0);
  const Tensor logits = molmo->forward(packed, {});
  const Tensor one = molmo->forward(image_row(first), {}), two = molmo->forward(image_row(second), {});
  EXPECT_LT(largest_difference(logits[0].slice(0, 5, 8), one[0].slice(0, 5)), 2e-5);
  EXPECT_LT(largest_difference(logits[0].slice(0, 8), two[0].slice(0, 5)), 2e-5);
}

TEST(Molmo, RightPaddingDoesNotChangeRealTokens) {
  const at::NoGradGuard no_grad;
  const auto molmo = make_tiny();
  ModelInputs padded = image_row({10, 11, -1, -1});
  const Tensor logits = molmo->forward(padded, {});
  EXPECT_LT(largest_difference(logits[0].slice(0, 0, 7), molmo->forward(image_row({10, 11}), {})[0]), 2e-5);
}

TEST(Molmo, CachedStepsEqualOneFullPass) {
  const at::NoGradGuard no_grad;
  const auto molmo = make_tiny();
  nn::KvCache cache(molmo->config().decoder, 1, 16, at::TensorOptions().dtype(at::kFloat));
  Tensor hidden = molmo->hidden_states(image_row({10}), &cache, {});
  ModelInputs next;
  next.input_ids = at::tensor(std::vector<int64_t>{11}, at::kLong).unsqueeze(0);
  next.position_ids = at::tensor(std::vector<int64_t>{6}, at::kLong).unsqueeze(0);
  hidden = molmo->hidden_states(next, &cache, {});
  const Tensor full = molmo->hidden_states(image_row({10, 11}), nullptr, {});
  EXPECT_LT(largest_difference(hidden[0][0], full[0][6]), 2e-5);
}

TEST(Molmo, ImageFeaturesAreAddedToTheirTokens) {
  const at::NoGradGuard no_grad;
  const auto molmo = make_tiny();
  ModelInputs with = image_row({10}), without = image_row({10});
  without.token_positions = at::full({1, 4}, -100, at::kLong);  // all discarded
  ModelInputs text_only = image_row({10});
  text_only.patches = Tensor();
  EXPECT_GT(largest_difference(molmo->forward(with, {}), molmo->forward(without, {})), 1e-3);
  EXPECT_EQ(largest_difference(molmo->forward(without, {}), molmo->forward(text_only, {})), 0.0);
}

TEST(Molmo, ACropOfMinusOnesIsPadding) {
  const at::NoGradGuard no_grad;
  const auto molmo = make_tiny();
  const Tensor features = molmo->tower_features(at::full({1, 16, 12}, -1.0), {});
  EXPECT_EQ(features.abs().max().item<float>(), 0.0f);
}

class UnitLog : public UnitRunner {
 public:
  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override {
    for (const Param& param : unit.params) ++uses[param.name()];
    return function(inputs);
  }
  std::map<std::string, int> uses;
};

TEST(Molmo, EveryParameterBelongsToOneUnitOfTheForwardPass) {
  const at::NoGradGuard no_grad;
  const auto molmo = make_tiny();
  UnitLog log;
  const ScopedUnitRunner scope(log);
  molmo->forward(image_row({10}), {});
  for (const Parameter& param : molmo->params().all()) EXPECT_EQ(log.uses[param.name], 1) << param.name;
}

TEST(Molmo, ResponseDropoutLeavesPromptsAlone) {
  const auto molmo = make_tiny();
  ModelInputs inputs = image_row({10, 11, 12});
  ForwardOptions options;
  options.dropout.response = 0.5;
  options.dropout.is_response = at::zeros({1, 8}, at::kBool);
  options.dropout.is_response[0][7] = true;
  options.dropout.token_keys = nn::dropout_keys(at::arange(8, at::kLong).unsqueeze(0), 1);
  const at::NoGradGuard no_grad;
  const Tensor plain = molmo->forward(inputs, {}), dropped = molmo->forward(inputs, options);
  EXPECT_EQ(largest_difference(plain[0].slice(0, 0, 7), dropped[0].slice(0, 0, 7)), 0.0);
  EXPECT_GT(largest_difference(plain[0][7], dropped[0][7]), 1e-4);
}

}  // namespace
}  // namespace molmo::model
