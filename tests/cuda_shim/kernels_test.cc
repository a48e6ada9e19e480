// The kernels of src/cuda, as registered, against their CPU twins: every class of shapes, types and alignments, under
// every schedule. Contraction to fma is off here and there, so that results differ by the order of sums alone.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <numeric>

#include "cuda_shim/device_tensors.h"
#include "cuda_shim/memory.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace cuda_shim {
namespace {

using molmo::tensor::cpu_kernels;
using molmo::tensor::KernelTable;

constexpr double kUnit = 1.0 / (1 << 24);  // half a unit in the last place of float32
const at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16};

const KernelTable& shim_kernels() {
  static const KernelTable table = registered_kernels();
  return table;
}

Tensor normal(at::IntArrayRef shape) {
  static at::Generator generator = molmo::make_generator(17);
  return at::randn(shape, generator);
}

// Each value within `units` roundings of what its terms add up to in size. In bfloat16 one value of a hundred may be a
// unit in the last place away besides: where a last bit of a sum turned a rounding over.
void expect_near(const Tensor& got, const Tensor& expected, const Tensor& size, double units, at::ScalarType type) {
  ASSERT_EQ(got.sizes(), expected.sizes());
  ASSERT_EQ(got.scalar_type(), expected.scalar_type());
  const Tensor difference = (got.to(at::kDouble) - expected.to(at::kDouble)).abs();
  ASSERT_FALSE(difference.isnan().any().item<bool>()) << "not every value was written";
  const Tensor is_far = difference > size.to(at::kDouble) * (units * kUnit);
  if (type == at::kFloat) {
    EXPECT_EQ(is_far.sum().item<int64_t>(), 0) << "at most " << (difference / size).max().item<double>() / kUnit
                                               << " roundings, expected " << units << ", " << got.sizes();
    return;
  }
  EXPECT_LE(is_far.sum().item<int64_t>(), 2 + got.numel() / 100) << got.sizes();
  EXPECT_FALSE((difference > size.to(at::kDouble) / 128).any().item<bool>()) << got.sizes();
}

struct RmsNormCase {
  int64_t num_rows, width;
  at::ScalarType type;
  std::array<size_t, 4> shifts;  // of x, weight, results, gradient
};

void expect_norms(const RmsNormCase& c) {
  SCOPED_TRACE(testing::Message() << c.num_rows << " x " << c.width << " " << c.type << " shifts " << c.shifts[0] << " "
                                  << c.shifts[1] << " " << c.shifts[2]);
  const double units = 6.0 + static_cast<double>(c.width) / 32;
  const Tensor x = copy_at(c.shifts[0], (3 * normal({c.num_rows, c.width})).to(c.type));
  const Tensor weight = copy_at(c.shifts[1], normal({c.width}).abs() + 0.5);
  const Tensor expected = cpu_kernels().rms_norm(x, weight, 1e-6);
  const std::vector<Tensor> got = under_every_schedule([&] {
    const ScopedShift shift(c.shifts[2]);
    return std::vector<Tensor>{shim_kernels().rms_norm(x, weight, 1e-6)};
  });
  expect_near(got[0], expected, expected.abs(), units, c.type);
}

void expect_norm_gradients(const RmsNormCase& c) {
  SCOPED_TRACE(testing::Message() << c.num_rows << " x " << c.width << " " << c.type << " shifts " << c.shifts[0] << " "
                                  << c.shifts[1] << " " << c.shifts[2]);
  const double units = 16.0 + static_cast<double>(c.width) / 16, eps = 1e-6;
  const Tensor x = copy_at(c.shifts[0], (3 * normal({c.num_rows, c.width})).to(c.type));
  const Tensor weight = copy_at(c.shifts[1], normal({c.width}).abs() + 0.5);
  const Tensor grad = copy_at(c.shifts[3], normal({c.num_rows, c.width}));
  const auto [to_x, to_weight] = cpu_kernels().rms_norm_backward(grad, x, weight, eps);
  const std::vector<Tensor> got = under_every_schedule([&] {
    const ScopedShift shift(c.shifts[2]);
    const auto [to_x, to_weight] = shim_kernels().rms_norm_backward(grad, x, weight, eps);
    return std::vector<Tensor>{to_x, to_weight};
  });
  // The terms of both, which may cancel.
  const Tensor wide = x.to(at::kDouble), inner = (grad * weight).to(at::kDouble);
  const Tensor scale = at::rsqrt(wide.square().mean(-1, true) + eps);
  const Tensor terms = scale * inner.abs() + wide.abs() * scale.pow(3) * (inner * wide).abs().mean(-1, true);
  expect_near(got[0], to_x, terms, units, c.type);
  const Tensor weight_terms = (grad * wide * scale).abs().sum(0);
  // A rounding of x's dtype that turned over in one row is a whole unit of that row's term.
  const double turned = c.type == at::kFloat ? 0.0 : (1 << 16) / static_cast<double>(c.num_rows);
  expect_near(got[1], to_weight, weight_terms, units + 16.0 + static_cast<double>(c.num_rows) + turned, at::kFloat);
}

// Widths of one warp per row and of several, in packs and without, the widest looped by every thread.
constexpr int64_t kWidths[] = {1, 2, 7, 31, 32, 64, 100, 128, 256, 264, 520, 1152};

TEST(CudaRmsNorm, IsItsTwinAtEveryWidthAndNumberOfRows) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t width : kWidths)
      for (const int64_t num_rows : {1, 3, 4, 9}) expect_norms({num_rows, width, type, {}});
    for (const int64_t width : {3584, 8200, 16385}) expect_norms({2, width, type, {}});
  }
}

TEST(CudaRmsNorm, TakesRowsThatStartOffTheGridOfWideLoads) {
  for (const at::ScalarType type : kTypes) {
    const size_t one = at::elementSize(type);
    for (const std::array<size_t, 4>& shifts : {std::array<size_t, 4>{one, 0, 0, 0},
                                                {8, 0, 0, 0},
                                                {0, 4, 0, 0},
                                                {0, 8, 0, 0},
                                                {0, 0, 4, 0},
                                                {0, 0, 8, 0},
                                                {one, 4, 8, 0}}) {
      expect_norms({5, 64, type, shifts});
      expect_norms({2, 520, type, shifts});
      expect_norm_gradients({3, 136, type, shifts});
    }
    expect_norm_gradients({3, 136, type, {0, 0, 0, 4}});
    expect_norm_gradients({3, 136, type, {0, 0, 0, 8}});
  }
}

TEST(CudaRmsNorm, HasItsTwinsGradients) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t width : kWidths)
      for (const int64_t num_rows : {1, 5}) expect_norm_gradients({num_rows, width, type, {}});
    for (const int64_t num_rows : {127, 128, 129, 257}) expect_norm_gradients({num_rows, 40, type, {}});
    for (const int64_t width : {3584, 8200}) expect_norm_gradients({2, width, type, {}});
  }
}

struct RopeCase {
  int64_t num_rows, num_heads, num_positions, width;
  at::ScalarType type;
  bool has_table_per_row = false;
  int64_t gap = -1;  // values before each position of a view of fused projections; -1: a position after another
  std::array<int64_t, 3> padding{};  // then: values after each position, head and row
  std::array<size_t, 4> shifts{};    // of x, sin, cos, result
};

Tensor rope_input(const RopeCase& c) {
  if (c.gap >= 0) {
    const int64_t fused_width = c.num_heads * c.width;
    const Tensor fused = copy_at(c.shifts[0], normal({c.num_rows, c.num_positions, c.gap + fused_width}).to(c.type));
    return fused.slice(2, c.gap).view({c.num_rows, c.num_positions, c.num_heads, c.width}).transpose(1, 2);
  }
  const int64_t position = c.width + c.padding[0], head = c.num_positions * position + c.padding[1],
                row = c.num_heads * head + c.padding[2];
  return copy_at(c.shifts[0], normal({c.num_rows * row}).to(c.type))
      .as_strided({c.num_rows, c.num_heads, c.num_positions, c.width}, {row, head, position, 1});
}

void expect_rotations(const RopeCase& c) {
  SCOPED_TRACE(testing::Message() << c.num_rows << " x " << c.num_heads << " x " << c.num_positions << " x " << c.width
                                  << " " << c.type << " gap " << c.gap << " padding " << c.padding[0] << " "
                                  << c.padding[1] << " " << c.padding[2]);
  const Tensor x = rope_input(c);
  // Tables whose halves differ show which half is read; the front's are equal.
  const Tensor angle = normal({c.has_table_per_row ? c.num_rows : 1, 1, c.num_positions, c.width});
  const Tensor sin = copy_at(c.shifts[1], angle.sin()), cos = copy_at(c.shifts[2], angle.cos());
  const Tensor expected = cpu_kernels().rope(x, sin, cos);
  const std::vector<Tensor> got = under_every_schedule([&] {
    const ScopedShift shift(c.shifts[3]);
    return std::vector<Tensor>{shim_kernels().rope(x, sin, cos)};
  });
  EXPECT_EQ(got[0].strides(), expected.strides());
  EXPECT_TRUE(got[0].equal(expected)) << "the same operations in the same order give the same bits";
}

TEST(CudaRope, IsItsTwinToTheBit) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t width : {2, 6, 8, 16, 64, 128}) {
      for (const bool has_table_per_row : {false, true}) {
        expect_rotations({2, 3, 5, width, type, has_table_per_row});
        for (const int64_t gap : {0, 3, 4, 16}) expect_rotations({2, 3, 5, width, type, has_table_per_row, gap});
      }
    }
    expect_rotations({1, 1, 1, 2, type});
    expect_rotations({3, 28, 2, 128, type, true, 1024});  // more packs than threads
    expect_rotations({2, 40, 3, 30, type});
  }
}

TEST(CudaRope, TakesAnyStrides) {
  for (const at::ScalarType type : kTypes) {
    for (const std::array<int64_t, 3>& padding :
         {std::array<int64_t, 3>{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {8, 0, 0}, {0, 8, 0}, {0, 0, 8}, {8, 16, 24}})
      expect_rotations({3, 8, 8, 32, type, true, -1, padding});
  }
}

TEST(CudaRope, TakesWhatStartsOffTheGridOfWideLoads) {
  for (const at::ScalarType type : kTypes) {
    const size_t one = at::elementSize(type);
    for (const std::array<size_t, 4>& shifts : {std::array<size_t, 4>{one, 0, 0, 0},
                                                {8, 0, 0, 0},
                                                {0, 4, 0, 0},
                                                {0, 0, 4, 0},
                                                {0, 8, 0, 0},
                                                {0, 0, 8, 0},
                                                {0, 0, 0, one},
                                                {0, 0, 0, 8}})
      expect_rotations({2, 3, 4, 32, type, true, -1, {}, shifts});
  }
}

struct SwiGluCase {
  int64_t num_rows, width;
  at::ScalarType type;
  int64_t gap = -1;                  // values between the halves of a fused product; -1: each on its own
  std::array<int64_t, 2> padding{};  // then: values after each row of up and of gate
  std::array<size_t, 4> shifts{};    // of up, gate, gradient, result
};

void expect_units(const SwiGluCase& c) {
  SCOPED_TRACE(testing::Message() << c.num_rows << " x " << c.width << " " << c.type << " gap " << c.gap << " padding "
                                  << c.padding[0] << " " << c.padding[1]);
  Tensor up, gate;
  if (c.gap < 0) {
    up = copy_at(c.shifts[0], normal({c.num_rows, c.width + c.padding[0]}).to(c.type)).slice(1, 0, c.width);
    gate = copy_at(c.shifts[1], (4 * normal({c.num_rows, c.width + c.padding[1]})).to(c.type)).slice(1, 0, c.width);
  } else {
    const Tensor fused = copy_at(c.shifts[0], (4 * normal({c.num_rows, 2 * c.width + c.gap})).to(c.type));
    up = fused.slice(1, 0, c.width);
    gate = fused.slice(1, c.width + c.gap);
  }
  const Tensor grad = copy_at(c.shifts[2], normal({c.num_rows, c.width}).to(c.type));
  const std::vector<Tensor> got = under_every_schedule([&] {
    const ScopedShift shift(c.shifts[3]);
    const Tensor both = shim_kernels().swiglu_backward(grad, up, gate);
    const ScopedShift shift_of_y(c.shifts[3]);
    return std::vector<Tensor>{shim_kernels().swiglu(up, gate), both};
  });
  const Tensor y = cpu_kernels().swiglu(up, gate), both = cpu_kernels().swiglu_backward(grad, up, gate);
  const Tensor to_up = both.slice(1, 0, c.width), to_gate = both.slice(1, c.width);
  // The twin's exponential is a polynomial, good to a few roundings; 1 + g (1 - s) cancels near its zero.
  const Tensor g = gate.to(at::kDouble), s = g.sigmoid();
  const Tensor gate_terms = (grad.to(at::kDouble) * up.to(at::kDouble)).abs() * s * (1 + g.abs() * (1 - s));
  constexpr double kUnits = 16.0;
  expect_near(got[0], y, y.abs() + 1e-30, kUnits, c.type);
  expect_near(got[1].slice(1, 0, c.width), to_up, to_up.abs() + 1e-30, kUnits, c.type);
  expect_near(got[1].slice(1, c.width), to_gate, gate_terms + 1e-30, kUnits, c.type);
}

TEST(CudaSwiGlu, IsItsTwinInEveryShape) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t width : {1, 3, 8, 31, 64, 200})
      for (const int64_t num_rows : {1, 2, 17})
        for (const int64_t gap : {-1, 0, 1, 8}) expect_units({num_rows, width, type, gap});
    expect_units({3, 4096, type, 0});
    for (const std::array<int64_t, 2>& padding : {std::array<int64_t, 2>{1, 0}, {0, 1}, {8, 0}, {0, 16}})
      expect_units({3, 64, type, -1, padding});
    expect_units({3, 62, type, -1, {2, 2}});  // rows that begin on the grid of wide loads and end off it
  }
}

TEST(CudaSwiGlu, TakesWhatStartsOffTheGridOfWideLoads) {
  for (const at::ScalarType type : kTypes) {
    const size_t one = at::elementSize(type);
    for (size_t i = 0; i < 4; ++i) {
      for (const size_t shift : {one, size_t{8}}) {
        SwiGluCase c{3, 64, type};
        c.shifts[i] = shift;
        expect_units(c);
      }
    }
  }
}

// The shim's device has one multiprocessor, so that this is more than all blocks' threads.
constexpr int64_t kMoreThanThreads = 64 * 256 + 100;

TEST(CudaSwiGlu, GoesRoundWhereValuesAreMoreThanThreads) {
  expect_units({1, kMoreThanThreads, at::kFloat, 1});
  expect_units({kMoreThanThreads, 1, at::kBFloat16, 0});
}

TEST(CudaRowUniforms, GoRoundWhereValuesAreMoreThanThreads) {
  const Tensor keys = at::arange(5, at::kLong);
  for (const int64_t count : {kMoreThanThreads, kMoreThanThreads + 1}) {  // in packs, and one by one
    const std::vector<Tensor> got =
        under_every_schedule([&] { return std::vector<Tensor>{shim_kernels().row_uniforms(keys, 2, count)}; });
    EXPECT_TRUE(got[0].equal(cpu_kernels().row_uniforms(keys, 2, count)));
  }
}

TEST(CudaRowUniforms, AreTheTwinsBits) {
  std::vector<int64_t> some{0, 1, -1, int64_t{1} << 62, -(int64_t{1} << 60), 0x123456789abcdef};
  for (const int64_t site : {int64_t{0}, int64_t{3}, int64_t{-5}, int64_t{1} << 40}) {
    for (const int64_t count : {1, 6, 7, 256, 300}) {
      for (const size_t num_keys : {size_t{1}, size_t{3}, some.size()}) {
        const Tensor keys = at::tensor(std::vector<int64_t>(some.begin(), some.begin() + num_keys), at::kLong);
        const std::vector<Tensor> got =
            under_every_schedule([&] { return std::vector<Tensor>{shim_kernels().row_uniforms(keys, site, count)}; });
        EXPECT_TRUE(got[0].equal(cpu_kernels().row_uniforms(keys, site, count))) << site << " " << got[0].sizes();
      }
    }
  }
}

TEST(CudaRowUniforms, TakeResultsThatStartOffTheGridOfWideStores) {
  const Tensor keys = at::arange(3, at::kLong);
  for (const size_t shift : {4, 8}) {
    const std::vector<Tensor> got = under_every_schedule([&] {
      const ScopedShift scope(shift);
      return std::vector<Tensor>{shim_kernels().row_uniforms(keys, 1, 8)};
    });
    EXPECT_TRUE(got[0].equal(cpu_kernels().row_uniforms(keys, 1, 8)));
  }
}

TEST(CudaRowUniforms, TakeKeysOfAnyShapeAndNone) {
  const Tensor keys = at::arange(6, at::kLong).view({2, 3});
  EXPECT_TRUE(shim_kernels().row_uniforms(keys, 1, 5).equal(cpu_kernels().row_uniforms(keys, 1, 5)));
  EXPECT_EQ(shim_kernels().row_uniforms(keys.slice(0, 0, 0), 1, 5).sizes(), (at::IntArrayRef{0, 3, 5}));
  EXPECT_EQ(shim_kernels().row_uniforms(keys, 1, 0).sizes(), (at::IntArrayRef{2, 3, 0}));
}

}  // namespace
}  // namespace cuda_shim
