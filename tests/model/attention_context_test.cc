// Every way of attending gives the same: the square with its mask, the CPU's packed kernel, sequence by sequence, and
// over a cache by lengths. What runs on a GPU runs here with the CPU's kernel in the place of flash attention.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/molmo.h"
#include "model/tiny_config.h"
#include "support/cpu_sequence_kernel.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

std::unique_ptr<Molmo> make_trained_tiny() {
  auto molmo = std::make_unique<Molmo>(testing::tiny_model_config());
  molmo->params().materialize(at::kCPU, 3);
  for (Parameter& param : molmo->params().all()) {
    if (param.init.kind == Init::Kind::kNormal) param.value.mul_(5.0);
  }
  molmo->params().set_trained([](const Parameter&) { return true; });
  return molmo;
}

ModelInputs packed_rows(const std::vector<std::vector<int64_t>>& ids,
                        const std::vector<std::vector<int64_t>>& segments = {},
                        const std::vector<std::vector<int64_t>>& positions = {}) {
  const auto stack = [](const std::vector<std::vector<int64_t>>& rows) {
    std::vector<Tensor> tensors;
    for (const auto& row : rows) tensors.push_back(at::tensor(row, at::kLong));
    return at::stack(tensors);
  };
  ModelInputs inputs;
  inputs.input_ids = stack(ids);
  if (!segments.empty()) inputs.subsegment_ids = stack(segments), inputs.position_ids = stack(positions);
  return inputs;
}

struct Passed {
  Tensor states;  // [B, S, D]
  std::vector<Tensor> gradients;
};

// States, and the gradients by a weighted sum of those at `picked` places of the flattened rows.
Passed pass(Molmo& molmo, const ModelInputs& inputs, const std::vector<int64_t>& picked) {
  for (Parameter& param : molmo.params().all()) param.value.mutable_grad().reset();
  Passed passed{.states = molmo.hidden_states(inputs, nullptr, {}), .gradients = {}};
  const Tensor chosen = passed.states.flatten(0, 1).index_select(0, at::tensor(picked, at::kLong));
  (chosen * at::arange(chosen.numel()).view_as(chosen).cos()).sum().backward();
  for (const Parameter& param : molmo.params().all()) {
    if (param.value.grad().defined()) passed.gradients.push_back(param.value.grad().clone());
  }
  passed.states = chosen.detach();
  return passed;
}

void expect_same(const Passed& got, const Passed& expected) {
  EXPECT_LT((got.states - expected.states).abs().max().item<double>(), 2e-5);
  ASSERT_EQ(got.gradients.size(), expected.gradients.size());
  for (size_t i = 0; i < got.gradients.size(); ++i)
    EXPECT_TRUE(got.gradients[i].allclose(expected.gradients[i], 1e-3, 1e-4)) << i;
}

Passed by_sequences(Molmo& molmo, ModelInputs inputs, const std::vector<int64_t>& picked) {
  const tensor::ScopedSequenceKernel kernel(testing::kCpuSequenceKernel);
  inputs.sequences = plan_rows(inputs.input_ids, inputs.subsegment_ids, at::kCPU);
  return pass(molmo, inputs, picked);
}

TEST(AttentionContext, PaddedPackedAndSeparateRowsTrainAlike) {
  const auto molmo = make_trained_tiny();
  const auto padded = packed_rows({{2, 7, 9, 11, -1, -1}, {2, 30, 31, 32, 33, 34}});
  // The second example's number is higher: it sees nothing of the first, whose keys are lower.
  const auto packed = packed_rows({{2, 7, 9, 11, 2, 30, 31, 32, 33, 34, -1}}, {{0, 0, 0, 0, 1, 1, 1, 1, 1, 1, -1}},
                                  {{0, 1, 2, 3, 0, 1, 2, 3, 4, 5, -1}});
  const std::vector<int64_t> in_padded = {0, 1, 2, 3, 6, 7, 8, 9, 10, 11}, in_packed = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const Passed expected = pass(*molmo, padded, in_padded);
  expect_same(pass(*molmo, packed, in_packed), expected);
  expect_same(by_sequences(*molmo, padded, in_padded), expected);
  expect_same(by_sequences(*molmo, packed, in_packed), expected);
  const auto longer = packed_rows({{2, 7, 9, 11, -1, -1, -1, -1, -1}, {2, 30, 31, 32, 33, 34, -1, -1, -1}});
  expect_same(by_sequences(*molmo, longer, {0, 1, 2, 3, 9, 10, 11, 12, 13, 14}), expected);
}

TEST(AttentionContext, IsDecidedByWhatThePassHas) {
  config::DecoderConfig config = testing::tiny_model_config().decoder;
  const ModelInputs padded = packed_rows({{2, 7, 9, 11, -1, -1}, {2, 30, 31, 32, 33, 34}});
  const auto chosen = [&](const RowLayout& layout, nn::KvCache* cache, const Tensor& ids) {
    return choose_attention(config, ids, layout, cache, {}).keys;
  };
  const RowLayout planned{.segments = {}, .sequences = plan_rows(padded.input_ids, {}, at::kCPU)};
  const auto dense = chosen({}, nullptr, padded.input_ids);
  ASSERT_TRUE(std::holds_alternative<nn::DenseKeys>(dense));
  EXPECT_FALSE(std::get<nn::DenseKeys>(dense).bias.defined());
  nn::KvCache cache(config, 2, 16, at::TensorOptions(at::kFloat));
  cache.begin_pass(padded.input_ids);
  cache.end_pass();
  const Tensor next = at::full({2, 1}, 5, at::kLong);
  cache.begin_pass(next);
  {
    const auto keys = std::get<nn::CachedKeys>(chosen({}, &cache, next));
    EXPECT_TRUE(keys.lengths.equal(at::tensor({5, 7}, at::kLong)));
    EXPECT_FALSE(keys.bias.defined());
  }
  const tensor::ScopedSequenceKernel kernel(testing::kCpuSequenceKernel);
  EXPECT_TRUE(std::holds_alternative<nn::SequenceKeys>(chosen(planned, nullptr, padded.input_ids)));
  const auto keys = std::get<nn::CachedKeys>(chosen({}, &cache, next));
  ASSERT_NE(keys.rows, nullptr);
  EXPECT_FALSE(keys.bias.defined() || keys.lengths.defined());
}

// A prefill of right-padded rows and two more tokens, against whole rows.
TEST(AttentionContext, CachedTokensAreThoseOfWholeRows) {
  const at::NoGradGuard no_grad;
  const auto molmo = make_trained_tiny();
  const std::vector<std::vector<int64_t>> texts = {{2, 7, 9, 11, 40, 41}, {2, 30, 31, 32, 33, 34, 50, 51}};
  const auto decode = [&](bool shares_two) {
    nn::KvCache cache(molmo->config().decoder, shares_two ? 1 : 2, 9, at::TensorOptions(at::kFloat));
    ModelInputs prompt = packed_rows({{2, 7, 9, 11, -1, -1}, {2, 30, 31, 32, 33, 34}});
    prompt.position_ids = derive_positions(prompt.input_ids);
    if (shares_two) {
      ModelInputs shared = packed_rows({{2}});
      molmo->hidden_states(shared, &cache, {});
      cache.set_even();
      cache.select_rows(at::zeros({2}, at::kLong));
      prompt.input_ids = prompt.input_ids.slice(1, 1), prompt.position_ids = prompt.position_ids.slice(1, 1);
    }
    molmo->hidden_states(prompt, &cache, {});
    Tensor last;
    for (int64_t step = 0; step < 2; ++step) {
      ModelInputs next = packed_rows({{40 + step}, {50 + step}});
      next.position_ids = at::tensor({4 + step, 6 + step}, at::kLong).view({2, 1});
      last = molmo->hidden_states(next, &cache, {});
    }
    return last.squeeze(1);  // [2, D]
  };
  for (const bool shares : {false, true}) {
    const Tensor plain = decode(shares);
    const tensor::ScopedSequenceKernel kernel(testing::kCpuSequenceKernel);
    const Tensor by_rows = decode(shares);
    for (int64_t row = 0; row < 2; ++row) {
      const Tensor whole = molmo->hidden_states(packed_rows({texts[static_cast<size_t>(row)]}), nullptr, {})[0][-1];
      EXPECT_LT((plain[row] - whole).abs().max().item<double>(), 2e-5) << shares << row;
      EXPECT_LT((by_rows[row] - whole).abs().max().item<double>(), 2e-5) << shares << row;
    }
  }
}

}  // namespace
}  // namespace molmo::model
