// Blocks of the decoder: what their dropouts draw, and what a mixture's losses count.
// SPDX-License-Identifier: Apache-2.0
#include "model/decoder.h"

#include <gtest/gtest.h>

#include <set>

#include "model/molmo.h"
#include "model/tiny_config.h"
#include "tensor/ops.h"
#include "tensor/taps.h"

namespace molmo::model {
namespace {

ModelInputs tokens(std::vector<int64_t> ids, int64_t num_rows) {
  ModelInputs inputs;
  inputs.input_ids = at::tensor(ids, at::kLong).view({num_rows, -1});
  return inputs;
}

// One block whose attention branch gives 1 everywhere and whose feed-forward branch gives 10.
TEST(Decoder, BranchesOfABlockDropDifferentPositions) {
  const at::NoGradGuard no_grad;
  config::ModelConfig config = molmo::testing::tiny_model_config();
  config.decoder.num_layers = 1;
  config.decoder.linear_bias = true;
  Molmo molmo(config);
  molmo.params().materialize(at::kCPU, 3);
  const auto set = [&](const std::string& name, double value) {
    molmo.params().find("model.transformer." + name)->value.fill_(value);
  };
  set("wte.embedding", 0.0);
  for (const char* branch : {"blocks.0.attn_out", "blocks.0.ff_out"}) set(std::string(branch) + ".weight", 0.0);
  set("blocks.0.attn_out.bias", 1.0);
  set("blocks.0.ff_out.bias", 10.0);
  ForwardOptions options;
  options.dropout.residual = 0.5;
  options.dropout.token_keys = nn::dropout_keys(at::arange(8, at::kLong).unsqueeze(0), 1);
  const Tensor hidden = molmo.hidden_states(tokens({3, 4, 5, 6, 7, 8, 9, 10}, 1), nullptr, options);  // [1, 8, D]
  for (int64_t position = 0; position < 8; ++position) {
    const Tensor row = hidden[0][position];
    std::set<int64_t> values;  // a position's norm scales all of 0, 1, 10 and 11 alike
    for (int64_t i = 0; i < row.numel(); ++i) values.insert(std::llround(1e4 * row[i].item<double>()));
    EXPECT_EQ(values.size(), 4u) << position;
  }
}

// PARITY: the losses count padded positions too, which see the real ones before them and not each other.
TEST(Decoder, RouterLossesOfPaddedRowsAreThoseOfTheWrittenMask) {
  const at::NoGradGuard no_grad;
  config::ModelConfig config = molmo::testing::tiny_model_config();
  config.decoder.block = config::BlockKind::kMoe;
  config.decoder.num_experts = 4, config.decoder.experts_per_token = 2;
  Molmo molmo(config);
  molmo.params().materialize(at::kCPU, 3);
  for (Parameter& param : molmo.params().all()) {
    if (param.init.kind == Init::Kind::kNormal) param.value.mul_(8.0);
  }
  const ModelInputs inputs = tokens({2, 7, 9, -1, -1, -1, 2, 30, 31, 32, 33, 34}, 2);
  const auto losses = [&] {
    RouterLosses router;
    ForwardOptions options;
    options.router_losses = &router;
    molmo.hidden_states(inputs, nullptr, options);
    return std::pair(router.load_balance.item<double>(), router.z.item<double>());
  };
  const auto fast = losses();
  const TapScope listening([](const std::string&, const Tensor&) {});  // then the mask is always written out
  const auto masked = losses();
  EXPECT_NEAR(fast.first, masked.first, 1e-4 * std::abs(masked.first));
  EXPECT_NEAR(fast.second, masked.second, 1e-4 * std::abs(masked.second));
}

// Hidden states, and the gradient of every parameter by a weighted sum of them.
TensorList states_and_gradients(Molmo& molmo, const ForwardOptions& options, const Tensor& picked) {
  const ModelInputs inputs = tokens({2, 7, 9, 11, -1, -1, 2, 30, 31, 32, 33, 34}, 2);
  for (Parameter& param : molmo.params().all()) param.value.mutable_grad().reset();
  Tensor hidden = molmo.hidden_states(inputs, nullptr, options);
  if (picked.defined()) hidden = hidden.flatten(0, 1).index_select(0, picked);
  (hidden * at::arange(hidden.numel()).view_as(hidden).cos()).sum().backward();  // a norm's squares would be constant
  TensorList result{hidden.detach()};
  for (const Parameter& param : molmo.params().all()) {
    const Tensor& gradient = param.value.grad();
    result.push_back(gradient.defined() ? gradient : at::zeros_like(param.value));
  }
  return result;
}

// The last block's feed-forward is computed for the kept tokens alone; nothing that is read may differ by it.
TEST(Decoder, KeptTokensAreThoseAmongAll) {
  for (const auto block : {config::BlockKind::kSequential, config::BlockKind::kLlama, config::BlockKind::kMoe}) {
    config::ModelConfig config = molmo::testing::tiny_model_config();
    config.decoder.block = block;
    if (block == config::BlockKind::kMoe) config.decoder.num_experts = 4, config.decoder.experts_per_token = 2;
    Molmo molmo(config);
    molmo.params().materialize(at::kCPU, 3);
    for (Parameter& param : molmo.params().all()) param.value.requires_grad_(true);
    for (const double dropped : {0.0, 0.3}) {
      for (const std::vector<int64_t>& which : {std::vector<int64_t>{1, 3, 7, 11}, {5}, {}}) {
        const Tensor kept = at::tensor(which, at::kLong);
        ForwardOptions all;
        all.dropout.residual = dropped, all.dropout.response = dropped / 2, all.dropout.attention = dropped;
        all.dropout.is_response = at::arange(12).view({2, 6}) % 2 == 0;
        all.dropout.token_keys = nn::dropout_keys(at::arange(12, at::kLong).view({2, 6}), 1);
        ForwardOptions some = all;
        some.kept = kept;
        const TensorList expected = states_and_gradients(molmo, all, kept);
        const TensorList got = states_and_gradients(molmo, some, Tensor());
        ASSERT_EQ(got[0].sizes(), expected[0].sizes());
        for (size_t i = 0; i < got.size(); ++i) {
          const double scale = expected[i].numel() > 0 ? expected[i].abs().max().item<double>() : 0.0;
          EXPECT_TRUE(at::allclose(got[i], expected[i], /*rtol=*/0.0, /*atol=*/3e-6 * scale))
              << (i == 0 ? "states" : molmo.params().all()[i - 1].name) << ", " << which.size() << " kept";
        }
      }
    }
  }
}

}  // namespace
}  // namespace molmo::model
