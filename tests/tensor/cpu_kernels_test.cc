// The CPU's kernels against LibTorch's operators, and rows against the same rows alone.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

#include "base/check.h"
#include "tensor/cpu/avx2.h"
#include "tensor/cpu/rows.h"
#include "tensor/kernel_table.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

// What callers use, to be compared with the operators.
constexpr KernelTable kFronts{.rms_norm = rms_norm,
                              .linear = linear,
                              .decode_attention = decode_attention,
                              .packed_attention = packed_attention,
                              .rope = rope,
                              .sigmoid_unit = sigmoid_unit,
                              .swiglu = swiglu,
                              .row_uniforms = row_uniforms};

const at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16};

double tolerance(at::ScalarType type) { return type == at::kFloat ? 2e-6 : 1.0 / 128; }

void expect_near(const Tensor& got, const Tensor& expected, double relative) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  ASSERT_EQ(got.scalar_type(), expected.scalar_type());
  const Tensor a = got.to(at::kDouble), b = expected.to(at::kDouble);
  EXPECT_LE((a - b).abs().max().item<double>(), relative * std::max(1e-3, b.abs().max().item<double>()));
}

MOLMO_AVX2 int lanes_of(int64_t count) { return _mm256_movemask_ps(_mm256_castsi256_ps(cpu::first_lanes(count))); }

// What is left of a range may have more values than an int counts.
TEST(Avx2, TakesAllLanesOfALongRange) {
  if (!cpu::has_avx2()) GTEST_SKIP();
  const int64_t int_range = int64_t{1} << 32;
  for (const auto& [count, lanes] : std::initializer_list<std::pair<int64_t, int>>{{-1, 0},
                                                                                   {0, 0},
                                                                                   {1, 1},
                                                                                   {3, 7},
                                                                                   {8, 255},
                                                                                   {9, 255},
                                                                                   {int_range / 2, 255},
                                                                                   {int_range, 255},
                                                                                   {int_range + 3, 255}})
    EXPECT_EQ(lanes_of(count), lanes) << count;
}

TEST(LinearKernel, EqualsTheOperator) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType type : kTypes) {
    for (const auto& [rows, in, out] :
         {std::array<int64_t, 3>{1, 1, 1}, {1, 15, 3}, {2, 64, 7}, {4, 33, 130}, {3, 768, 513}}) {
      const Tensor x = at::randn({rows, in}), weight = at::randn({out, in}).to(type), bias = at::randn({out}).to(type);
      for (const Tensor& b : {Tensor(), bias}) {
        expect_near(cpu_kernels().linear(x, weight, b), operator_kernels().linear(x, weight, b), 4 * tolerance(type));
      }
    }
  }
}

TEST(LinearKernel, RowsAreTheSameBitsInAnyCompanyAndWithAnyThreads) {
  const at::NoGradGuard no_grad;
  const Tensor x = at::randn({4, 300}), weight = at::randn({301, 300});
  const Tensor together = linear(x, weight, Tensor());
  for (int64_t row = 0; row < 4; ++row)
    EXPECT_TRUE(at::equal(linear(x[row].unsqueeze(0), weight, Tensor())[0], together[row]));
  set_num_threads(1);
  EXPECT_TRUE(at::equal(linear(x, weight, Tensor()), together));
  set_num_threads(0);
}

TEST(Kernels, ShareTheirRowsAmongThreads) {
  set_num_threads(2);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  cpu::for_rows(64, 1 << 16, [&](int64_t) {
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(seen.size(), 2u) << "at::parallel_for is serial: compiled without OpenMP?";
  set_num_threads(0);
}

TEST(RowUniforms, EqualTheOperators) {
  const Tensor keys = at::tensor(std::vector<int64_t>{0, 1, -1, int64_t{1} << 62, -(int64_t{1} << 60)}, at::kLong);
  for (const int64_t site : {0, 1, 77}) {
    const Tensor got = row_uniforms(keys, site, 1000);
    EXPECT_TRUE(got.equal(operator_kernels().row_uniforms(keys, site, 1000)));
    EXPECT_NEAR(got.mean().item<double>(), 0.5, 0.02);
    EXPECT_GE(got.min().item<double>(), 0.0);
    EXPECT_LT(got.max().item<double>(), 1.0);
  }
}

TEST(DecodeAttention, EqualsTheOperator) {
  const at::NoGradGuard no_grad;
  for (const at::ScalarType type : kTypes) {
    const Tensor cache_k = at::randn({3, 2, 40, 24}).to(type), cache_v = at::randn({3, 2, 40, 24}).to(type);
    const Tensor q = at::randn({3, 6, 1, 24}).to(type), k = cache_k.slice(2, 0, 29),
                 v = cache_v.slice(2, 0, 29);  // strides of a cache
    for (const Tensor& lengths : {Tensor(), at::tensor({29, 1, 17}, at::kLong)}) {
      expect_near(cpu_kernels().decode_attention(q, k, v, lengths),
                  operator_kernels().decode_attention(q, k, v, lengths), 2 * tolerance(type));
    }
    const Tensor repeated_k = k.repeat_interleave(3, 1), repeated_v = v.repeat_interleave(3, 1);
    expect_near(operator_kernels().decode_attention(q, k, v, {}),
                at::scaled_dot_product_attention(q, repeated_k, repeated_v), 2 * tolerance(type));
  }
}

// The gradients of `inputs` from that of the first output.
template <class Function>
std::vector<Tensor> gradients_of(const std::vector<Tensor>& inputs, const Tensor& grad, const Function& function) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(input.detach().requires_grad_());
  function(leaves).backward(grad);
  std::vector<Tensor> gradients;
  for (const Tensor& leaf : leaves) gradients.push_back(leaf.grad());
  return gradients;
}

// One function by the front's kernels and by the operators, forwards and backwards.
template <class Function>
void expect_same_gradients(const std::vector<Tensor>& inputs, const Function& function, double limit) {
  const auto by = [&](const KernelTable& table) {
    return [&](const std::vector<Tensor>& leaves) { return function(table, leaves); };
  };
  const Tensor out = function(operator_kernels(), inputs), grad = at::randn(out.sizes()).to(out.scalar_type());
  expect_near(function(kFronts, inputs), out, limit);
  const std::vector<Tensor> got = gradients_of(inputs, grad, by(kFronts));
  const std::vector<Tensor> expected = gradients_of(inputs, grad, by(operator_kernels()));
  for (size_t i = 0; i < inputs.size(); ++i) expect_near(got[i], expected[i], limit);
}

TEST(RmsNorm, HasTheOperatorsGradients) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t width : {31, 64, 200}) {
      expect_same_gradients(
          {(3 * at::randn({2, 70, width})).to(type), at::rand({width}) + 0.5},
          [](const KernelTable& table, const std::vector<Tensor>& in) { return table.rms_norm(in[0], in[1], 1e-5); },
          4 * tolerance(type));
    }
  }
}

TEST(Rope, HasTheOperatorsGradients) {
  for (const at::ScalarType type : kTypes) {
    // [B, heads, S, Dh] as heads are split
    const Tensor x = at::randn({2, 5, 3 * 16}).to(type).view({2, 5, 3, 16}).transpose(1, 2);
    for (const int64_t batch : {1, 2}) {
      const Tensor half = at::randn({batch, 1, 5, 8}), angles = at::concat({half, half}, -1);
      const auto rope = [&](const KernelTable& table, const std::vector<Tensor>& in) {
        return table.rope(in[0], angles.sin(), angles.cos());
      };
      expect_same_gradients({x}, rope, 2 * tolerance(type));
      expect_same_gradients({x.contiguous()}, rope, 2 * tolerance(type));
    }
  }
}

TEST(SigmoidUnit, HasTheOperatorsGradients) {
  for (const auto& [a, b] : std::vector<std::pair<double, double>>{{1.0, 0.0}, {1.702, 0.0}, {1.5957691, 0.0713548}}) {
    const auto unit = [a = a, b = b](const KernelTable& table, const std::vector<Tensor>& in) {
      return table.sigmoid_unit(in[0], a, b);
    };
    expect_same_gradients({4 * at::randn({3, 37})}, unit, 4e-6);
    expect_same_gradients({(30 * at::randn({100, 300})).t()}, unit, 4e-6);
  }
}

TEST(Swiglu, HasTheOperatorsGradients) {
  const auto swiglu = [](const KernelTable& table, const std::vector<Tensor>& in) {
    return table.swiglu(in[0], in[1]);
  };
  for (const at::ScalarType type : kTypes) {
    const Tensor both = (8 * at::randn({2, 7, 90})).to(type);
    expect_same_gradients({both.slice(2, 0, 45), both.slice(2, 45)}, swiglu, 4 * tolerance(type));
    expect_same_gradients({both[0][0], both[1][1]}, swiglu, 4 * tolerance(type));
  }
}

// A fused projection's gradient is one tensor, made of the same values.
TEST(CpuKernel, SwiGluOfOneTensorIsThatOfItsHalves) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const Tensor x = at::randn({3, 5, 90}, make_generator(9)).to(type).set_requires_grad(true);
    const Tensor weights = at::arange(3 * 5 * 45).sin().view({3, 5, 45}).to(type);
    (tensor::swiglu(x.slice(2, 0, 45), x.slice(2, 45)) * weights).sum().backward();
    const Tensor expected = x.grad();
    x.mutable_grad() = Tensor();
    (tensor::swiglu_fused(x) * weights).sum().backward();
    EXPECT_TRUE(x.grad().equal(expected)) << type;
  }
  EXPECT_THROW(tensor::swiglu_fused(at::ones({2, 3})), InternalError);
}

// Two packed rows: a picture's prefix with branches behind it (one longer than a block of queries), and odd orders of
// segments with padding in the middle and at the end.
Tensor some_segments(int64_t length) {
  Tensor segments = at::empty({2, length}, at::kLong);
  int64_t* first = segments.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < length; ++i) first[i] = i < length / 4 ? 10000 : 7 * i / length;
  int64_t* second = first + length;
  for (int64_t i = 0; i < length; ++i) second[i] = i % 11 == 3 || i > length - 4 ? -1 : 5 - (i / 9) % 5;
  return segments;
}

TEST(PackedAttention, HasTheOperatorsGradients) {
  for (const auto& [length, heads, kv_heads, width] :
       std::vector<std::array<int64_t, 4>>{{300, 4, 2, 32}, {37, 3, 3, 8}, {50, 2, 1, 20}, {5, 1, 1, 64}}) {
    const Tensor segments = some_segments(length);
    const auto heads_of = [&, length = length, width = width](int64_t count) {
      return at::randn({2, length, count * width}).view({2, length, count, width}).transpose(1, 2);
    };
    expect_same_gradients(
        {2 * heads_of(heads), heads_of(kv_heads), heads_of(kv_heads)},
        [&](const KernelTable& table, const std::vector<Tensor>& in) {
          return std::get<0>(table.packed_attention(in[0], in[1], in[2], segments));
        },
        1e-5);
  }
}

TEST(PackedAttention, GivesASegmentTheSameBitsInAnyRow) {
  const at::NoGradGuard no_grad;
  const Tensor q = at::randn({1, 2, 60, 16}), k = at::randn({1, 2, 60, 16}), v = at::randn({1, 2, 60, 16});
  Tensor segments = at::full({1, 60}, 2, at::kLong);
  segments.slice(1, 20, 40).fill_(1);
  segments.slice(1, 40, 60).fill_(0);
  const Tensor all = std::get<0>(packed_attention(q, k, v, segments));
  const auto without_last = [](const Tensor& x) { return x.slice(2, 0, 40); };
  const Tensor part =
      std::get<0>(packed_attention(without_last(q), without_last(k), without_last(v), segments.slice(1, 0, 40)));
  EXPECT_TRUE(at::equal(without_last(all), part));
}

TEST(PackedAttention, RefusesSegmentsOfAnotherLength) {
  const Tensor q = at::randn({1, 2, 6, 16});
  EXPECT_THROW(packed_attention(q, q, q, at::zeros({1, 5}, at::kLong)), InternalError);
}

TEST(LinearKernel, LeavesGradientsToTheOperators) {
  const Tensor x = at::randn({2, 8}).requires_grad_(), weight = at::randn({4, 8}).requires_grad_();
  linear(x, weight, Tensor()).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_TRUE(weight.grad().defined());
}

}  // namespace
}  // namespace molmo::tensor
