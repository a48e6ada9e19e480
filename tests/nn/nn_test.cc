// The pieces of a network against their formulas, written with plain operators.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "nn/activation.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::nn {
namespace {

Tensor random(at::IntArrayRef shape, uint64_t seed = 1) {
  return at::randn(shape, make_generator(seed), at::TensorOptions());
}

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// softmax(q k^T / sqrt(Dh) + bias) v in float64, every query head with its own copy of the keys.
Tensor plain_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  const int64_t repeats = q.size(1) / k.size(1);
  const auto wide = [&](const Tensor& t) { return t.to(at::kDouble).repeat_interleave(repeats, 1); };
  Tensor scores = at::matmul(q.to(at::kDouble), wide(k).transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(3)));
  if (bias.defined()) scores = scores + bias.to(at::kDouble);
  return at::matmul(at::softmax(scores, -1), wide(v)).transpose(1, 2).flatten(2, 3);
}

Tensor causal_bias(int64_t size) { return at::full({1, 1, size, size}, -1e9).triu(1); }

TEST(Attention, GroupedHeadsEqualRepeatedKeys) {
  const Tensor q = random({2, 6, 5, 8}), k = random({2, 2, 7, 8}, 2), v = random({2, 2, 7, 8}, 3);
  EXPECT_LT(largest_difference(attend(q, k, v, {}), plain_attention(q, k, v, {})), 1e-6);
}

TEST(Attention, WindowsAreTheSameAttention) {
  const auto of = [](const auto& attention, at::ScalarType type) {
    std::vector<Tensor> leaves;
    uint64_t seed = 1;
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{9, 6, 1, 8}, {9, 2, 4, 8}, {9, 2, 4, 8}})
      leaves.push_back(random(shape, seed++).to(type).requires_grad_(true));
    const Tensor result = attention(leaves[0], leaves[1], leaves[2]);
    (result * random(result.sizes(), 4)).sum().backward();
    return std::vector<Tensor>{result, leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
  };
  const auto plain = [](const Tensor& q, const Tensor& k, const Tensor& v) { return plain_attention(q, k, v, {}); };
  const std::vector<Tensor> expected = of(plain, at::kDouble);
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const std::vector<Tensor> got = of(attend_windows, type);
    EXPECT_EQ(got[0].scalar_type(), type);
    const double tolerance = type == at::kDouble ? 1e-12 : type == at::kFloat ? 2e-6 : 3e-2;
    for (size_t i = 0; i < got.size(); ++i) EXPECT_LT(largest_difference(got[i], expected[i]), tolerance) << i;
  }
}

TEST(Attention, CausalFlagEqualsItsMask) {
  const Tensor q = random({2, 4, 9, 8}), k = random({2, 2, 9, 8}, 2), v = random({2, 2, 9, 8}, 3);
  const Tensor expected = plain_attention(q, k, v, causal_bias(9));
  EXPECT_LT(largest_difference(attend(q, k, v, {.keys = DenseKeys{.is_causal = true}}), expected), 1e-6);
  EXPECT_LT(largest_difference(attend(q, k, v, {.keys = DenseKeys{.bias = causal_bias(9)}}), expected), 1e-6);
}

// Long rows may go through another kernel.
TEST(Attention, LongCausalRowsEqualTheirMask) {
  const Tensor q = random({2, 6, 300, 16}), k = random({2, 2, 300, 16}, 2), v = random({2, 2, 300, 16}, 3);
  const Tensor expected = plain_attention(q, k, v, causal_bias(300));
  EXPECT_LT(largest_difference(attend(q, k, v, {.keys = DenseKeys{.is_causal = true}}), expected), 1e-5);
}

TEST(Attention, BFloat16IsWithinItsRounding) {
  const Tensor q = random({2, 4, 9, 8}), k = random({2, 2, 9, 8}, 2), v = random({2, 2, 9, 8}, 3);
  const auto half = [](const Tensor& t) { return t.to(at::kBFloat16); };
  const Tensor got = attend(half(q), half(k), half(v), {.keys = DenseKeys{.is_causal = true}});
  EXPECT_EQ(got.scalar_type(), at::kBFloat16);
  EXPECT_LT(largest_difference(got, plain_attention(half(q), half(k), half(v), causal_bias(9))), 3e-2);
}

TEST(Attention, FullyMaskedRowStaysFinite) {
  const Tensor q = random({1, 2, 3, 4});
  const Tensor bias = at::full({1, 1, 3, 3}, std::numeric_limits<float>::lowest());
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    EXPECT_TRUE(
        attend(q.to(dtype), q.to(dtype), q.to(dtype), {.keys = DenseKeys{.bias = bias}}).isfinite().all().item<bool>());
  }
}

TEST(Rope, ScoresDependOnTheDistanceAlone) {
  const Tensor q = random({1, 1, 1, 16}), k = random({1, 1, 1, 16}, 2);
  const auto score = [&](int64_t at_query, int64_t at_key) {
    const auto rotated = [&](const Tensor& x, int64_t position) {
      const RopeTables tables = rope_tables(at::full({1, 1, 1}, position, at::kLong), 16, 1e4);
      return apply_rope(x, tables);
    };
    return (rotated(q, at_query) * rotated(k, at_key)).sum().item<double>();
  };
  EXPECT_NEAR(score(7, 3), score(104, 100), 1e-4);
  EXPECT_GT(std::abs(score(7, 3) - score(7, 6)), 1e-3);
}

TEST(Rope, PositionZeroTurnsNothing) {
  const Tensor x = random({2, 3, 1, 8});
  EXPECT_TRUE(apply_rope(x, rope_tables(at::zeros({1, 1, 1}, at::kLong), 8, 1e4)).equal(x));
}

TEST(Norms, RmsHasUnitMeanSquare) {
  const Tensor x = random({4, 32}) * 100.0;
  const Tensor y = rms_norm(x, at::ones({32}), 1e-6);
  EXPECT_LT((y.square().mean(1) - 1.0).abs().max().item<double>(), 1e-5);
}

TEST(Norms, LayerNormWorksInFloat32) {
  const Tensor x = random({4, 32}).to(at::kBFloat16);
  const Tensor y = layer_norm(x, at::ones({32}), {}, 1e-5);
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_LT(y.mean(1).abs().max().item<double>(), 1e-6);
}

TEST(Activations, FusedSwigluGatesWithItsSecondHalf) {
  const Tensor x = random({3, 10});
  const Tensor up = x.slice(1, 0, 5), gate = x.slice(1, 5);
  EXPECT_LT(largest_difference(swiglu_fused(x), up * gate * gate.sigmoid()), 1e-6);
  EXPECT_TRUE(swiglu_fused(x).equal(swiglu(up, gate)));
}

TEST(Activations, FollowTheirFormulas) {
  const Tensor x = at::linspace(-4, 4, 33);
  EXPECT_LT(largest_difference(activate(x, config::Activation::kQuickGelu), x * (1.702 * x).sigmoid()), 1e-6);
  EXPECT_LT(largest_difference(activate(x, config::Activation::kGelu), 0.5 * x * (1.0 + (x / std::sqrt(2.0)).erf())),
            1e-6);
  EXPECT_LT(largest_difference(activate(x, config::Activation::kSilu), x * x.sigmoid()), 1e-6);
  EXPECT_TRUE(activate(x, config::Activation::kRelu).equal(x.clamp_min(0)));
}

TEST(Dropout, ResponsePositionsAloneAreDropped) {
  DropoutState state{.residual = 0.0,
                     .response = 0.5,
                     .is_response = at::tensor(std::vector<int64_t>{0, 1, 1, 0}, at::kLong).to(at::kBool).unsqueeze(0)};
  state.token_keys = dropout_keys(at::arange(7, 11, at::kLong).unsqueeze(0), 3);
  const Tensor x = at::ones({1, 4, 1000}), y = drop_residual(x, state, 0);
  EXPECT_TRUE(y.select(1, 0).equal(x.select(1, 0)));
  EXPECT_TRUE(y.select(1, 3).equal(x.select(1, 3)));
  EXPECT_NEAR((y.select(1, 1) == 0).to(at::kFloat).mean().item<double>(), 0.5, 0.06);
  EXPECT_EQ(y.max().item<double>(), 2.0);  // what stays is scaled by its own keep probability
}

TEST(Dropout, DrawsByExampleAndPositionAlone) {
  const Tensor streams = at::arange(18, at::kLong).view({3, 6}), x = at::ones({3, 6, 100});
  const Tensor all = drop(x, 0.3, dropout_keys(streams, 5), 2);
  EXPECT_NEAR((all == 0).to(at::kFloat).mean().item<double>(), 0.3, 0.05);
  // One row by itself, and shorter.
  EXPECT_TRUE(drop(x.slice(0, 1, 2).slice(1, 0, 4), 0.3, dropout_keys(streams.slice(0, 1, 2).slice(1, 0, 4), 5), 2)
                  .equal(all.slice(0, 1, 2).slice(1, 0, 4)));
  for (const auto& [seed, site] : {std::pair<uint64_t, int64_t>(6, 2), std::pair<uint64_t, int64_t>(5, 3)})
    EXPECT_FALSE(drop(x, 0.3, dropout_keys(streams, seed), site).equal(all));
  EXPECT_TRUE(drop(x, 0.0, {}, 0).equal(x));
}

// 1/0.9 is not a bfloat16: rounded before it is applied, it makes all that stays too small by 0.16 %.
TEST(Dropout, ScalesInFloat32) {
  const Tensor x = at::randn({1, 4, 512}, make_generator(3)).to(at::kBFloat16);
  const Tensor y = drop(x, 0.1, dropout_keys(at::arange(4, at::kLong).unsqueeze(0), 5), 2);
  const Tensor expected = (x.to(at::kFloat) * (1.0 / 0.9)).to(at::kBFloat16);
  EXPECT_TRUE(y.equal(at::where(y == 0, at::zeros_like(y), expected)));
  EXPECT_GT((y != 0).sum().item<int64_t>(), 1500);
}

TEST(Dropout, ProbabilitiesDoNotDependOnPadding) {
  const Tensor keys = dropout_keys(at::arange(10, at::kLong).view({2, 5}), 1), x = at::ones({2, 3, 5, 8});
  const Tensor all = drop_probabilities(x, 0.5, keys, 4);
  EXPECT_TRUE(drop_probabilities(x.slice(3, 0, 5), 0.5, keys, 4).equal(all.slice(3, 0, 5)));
  EXPECT_FALSE(all.select(1, 0).equal(all.select(1, 1)));  // each head draws its own
}

}  // namespace
}  // namespace molmo::nn
