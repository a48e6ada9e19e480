// Kernels of the CUDA half against their CPU twins. Ends with 77, which ctest counts as skipped, where no GPU is.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdio>

#include "molmo/error.h"
#include "support/group_of_one.h"
#include "tensor/device.h"
#include "tensor/kernel_table.h"
#include "tensor/kernels.h"
#include "tensor/linear_cross_entropy.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"
#include "tensor/sequence_attention.h"

namespace molmo::tensor {
namespace {

constexpr int kSkipReturnCode = 77;  // SKIP_RETURN_CODE in tests/CMakeLists.txt

class GpuKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    const CudaDriver driver = probe_cuda_driver();
    if (driver.num_devices == 0) GTEST_SKIP() << "no GPU: " << driver.problem;
    device_ = parse_device("cuda");
  }
  at::Device device_ = at::kCPU;
};

// Largest |got - expected| over max |expected|.
double relative_difference(const Tensor& got, const Tensor& expected) {
  return ((got.cpu() - expected).abs().max() / expected.abs().max()).item<double>();
}

void expect_twins_agree(at::Device device, const Tensor& x, const Tensor& weight) {
  const Tensor expected = cpu_kernels().rms_norm(x, weight, 1e-6);
  const Tensor got = rms_norm(x.to(device), weight.to(device), 1e-6);
  ASSERT_TRUE(got.is_cuda());
  ASSERT_EQ(got.scalar_type(), at::kFloat);
  ASSERT_EQ(got.sizes(), expected.sizes());
  // bf16: a last bit of the sum may turn a rounding over; one unit in the last place is 2^-8 of the value.
  const double tolerance = x.scalar_type() == at::kFloat ? 1e-6 : 1.0 / 128;
  EXPECT_LE(relative_difference(got, expected), tolerance) << x.toString() << " " << x.sizes();
}

TEST_F(GpuKernel, RmsNormAgreesWithItsCpuTwinAtWidthsOfTheModels) {
  const at::NoGradGuard no_grad;
  for (const int64_t width : {1, 31, 64, 100, 128, 1152, 2048, 3584, 4096, 8192, 16384}) {
    for (const int64_t num_rows : {1, 5, 257}) {
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        const Tensor x = at::randn({num_rows, width}).mul_(3.0).to(type);
        expect_twins_agree(device_, x, at::rand({width}) + 0.5);
      }
    }
  }
}

TEST_F(GpuKernel, RmsNormTakesRowsThatStartOffTheGridOfWideLoads) {
  const at::NoGradGuard no_grad;
  const Tensor x = at::randn({7, 64}), weight = at::rand({64}) + 0.5;
  const Tensor shifted = at::empty({7 * 64 + 1}, at::TensorOptions(device_)).narrow(0, 1, 7 * 64).view({7, 64});
  shifted.copy_(x);
  const Tensor got = rms_norm(shifted, weight.to(device_), 1e-6);
  EXPECT_LE(relative_difference(got, cpu_kernels().rms_norm(x, weight, 1e-6)), 1e-6);
}

TEST_F(GpuKernel, RmsNormTakesTransposedInputAndNoRows) {
  const at::NoGradGuard no_grad;
  expect_twins_agree(device_, at::randn({3, 40, 5}).transpose(1, 2).contiguous(), at::ones({40}));
  const Tensor x = at::randn({3, 40, 5}), weight = at::ones({40});
  const Tensor got = rms_norm(x.to(device_).transpose(1, 2), weight.to(device_), 1e-6);
  EXPECT_LE(relative_difference(got, rms_norm(x.transpose(1, 2), weight, 1e-6)), 1e-6);
  EXPECT_EQ(rms_norm(at::empty({0, 40}, at::TensorOptions(device_)), weight.to(device_), 1e-6).numel(), 0);
}

// Result and gradients of function(inputs), for which a gradient of ones and twos comes back.
template <class Function>
std::vector<Tensor> passes(at::Device device, const std::vector<Tensor>& inputs, const Function& function) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(input.detach().to(device).requires_grad_());
  const Tensor out = function(leaves);
  const Tensor grad = at::arange(out.numel(), at::kLong).remainder(2).add(1).view(out.sizes());
  out.backward(grad.to(out.options()));
  std::vector<Tensor> results{out.detach().to(at::kFloat)};
  for (const Tensor& leaf : leaves) results.push_back(leaf.grad().to(at::kFloat));
  return results;
}

// As the CPU has them, within a few units in the last place of the dtype.
template <class Function>
void expect_same_passes(at::Device device, const std::vector<Tensor>& inputs, const Function& function) {
  const std::vector<Tensor> got = passes(device, inputs, function), expected = passes(at::kCPU, inputs, function);
  const double tolerance = inputs[0].scalar_type() == at::kFloat ? 1e-5 : 1.0 / 64;
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_LE(relative_difference(got[i], expected[i]), tolerance) << "result " << i << " of " << inputs[0].sizes();
}

TEST_F(GpuKernel, RmsNormDifferentiatesAsTheCpuDoes) {
  // Not of one value: the two terms of its gradient cancel, and what is left is their rounding.
  for (const int64_t width : {100, 128, 3584, 16384}) {
    for (const int64_t num_rows : {1, 130, 513}) {
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        expect_same_passes(device_, {at::randn({num_rows, width}).to(type), at::rand({width}) + 0.5},
                           [](const auto& in) { return rms_norm(in[0], in[1], 1e-6); });
      }
    }
  }
}

TEST_F(GpuKernel, RopeDifferentiatesAsTheCpuDoes) {
  for (const int64_t width : {6, 64, 128}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      for (const int64_t tables : {1, 3}) {
        const Tensor angle = at::randn({tables, 1, 17, width / 2}).repeat({1, 1, 1, 2});
        // A slice of fused projections, as the decoder rotates them, and a dense array.
        const Tensor fused = at::randn({3, 17, 5 * width + 4}).to(type), dense = at::randn({3, 5, 17, width}).to(type);
        const auto rotate = [&](const Tensor& x) {
          return rope(x, angle.sin().to(x.device()), angle.cos().to(x.device()));
        };
        expect_same_passes(device_, {fused}, [&](const auto& in) {
          return rotate(in[0].slice(2, 0, 5 * width).view({3, 17, 5, width}).transpose(1, 2)).contiguous();
        });
        expect_same_passes(device_, {dense}, [&](const auto& in) { return rotate(in[0]); });
      }
    }
  }
}

TEST_F(GpuKernel, SwiGluDifferentiatesAsTheCpuDoes) {
  for (const int64_t width : {1, 7, 64, 18944}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      expect_same_passes(device_, {at::randn({33, 2 * width}).to(type)}, [&](const auto& in) {  // fused
        return swiglu(in[0].slice(1, 0, width), in[0].slice(1, width));
      });
      expect_same_passes(device_, {at::randn({2, 9, width}).to(type), at::randn({2, 9, width}).to(type)},
                         [](const auto& in) { return swiglu(in[0], in[1]); });
    }
  }
}

TEST_F(GpuKernel, FlashAttentionOverPackedRowsIsThatOfTheMaskedSquare) {
  constexpr int64_t kPicture = 10000, kNext = 20000;
  std::vector<int64_t> annotated(40, kPicture), packed(15, 0);
  for (int64_t i = 0; i < 24; ++i) annotated.push_back(i / 8);
  packed.insert(packed.end(), 30, kNext + kPicture);
  for (int64_t i = 0; i < 12; ++i) packed.push_back(kNext + i / 6);
  packed.insert(packed.end(), 7, -1);
  const Tensor segments = at::stack({at::tensor(annotated), at::tensor(packed)});
  const auto plan = std::make_shared<SequencePlan>(plan_sequences(segments, device_));
  for (const int64_t width : {64, 128}) {
    const std::vector<Tensor> inputs{at::randn({2, 8, 64, width}).to(at::kBFloat16),
                                     at::randn({2, 2, 64, width}).to(at::kBFloat16),
                                     at::randn({2, 2, 64, width}).to(at::kBFloat16)};
    const SequenceKernel* kernel = sequence_kernel(device_, at::kBFloat16, width);
    ASSERT_NE(kernel, nullptr);
    expect_same_passes(device_, inputs, [&](const auto& in) {
      if (in[0].is_cuda()) return attend_sequences(in[0], in[1], in[2], plan, *kernel);
      const auto wide = [](const Tensor& x) { return x.to(at::kFloat); };
      return std::get<0>(operator_kernels().packed_attention(wide(in[0]), wide(in[1]), wide(in[2]), segments));
    });
  }
}

TEST_F(GpuKernel, FlashAttentionOverACacheIsThatOfItsLengths) {
  const at::NoGradGuard no_grad;
  const Tensor lengths = at::tensor({200, 1, 77}, at::kLong);
  for (const int64_t width : {64, 128}) {
    const Tensor q = at::randn({3, 8, 1, width}).to(at::kBFloat16), k = at::randn({3, 2, 256, width}).to(at::kBFloat16),
                 v = at::randn({3, 2, 256, width}).to(at::kBFloat16);
    const SequenceCall call = plan_cache(lengths.to(device_), 2, 256, /*num_queries=*/1, /*longest=*/200);
    const Tensor got = attend_cache(q.to(device_), k.to(device_), v.to(device_), call,
                                    *sequence_kernel(device_, at::kBFloat16, width));
    const Tensor expected =
        operator_kernels().decode_attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), lengths);
    EXPECT_LE((got.cpu().to(at::kFloat) - expected).abs().max().item<float>(), 2e-2);
  }
}

TEST_F(GpuKernel, RmsNormPutsASecondDevicesResultThere) {
  const int num_devices = probe_cuda_driver().num_devices;
  if (num_devices < 2) GTEST_SKIP() << "one GPU, this test wants two";
  const at::NoGradGuard no_grad;
  expect_twins_agree(parse_device("cuda:1"), at::randn({5, 256}), at::ones({256}));
}

TEST_F(GpuKernel, RowUniformsAreTheCpusBits) {
  const Tensor keys = at::randint(std::numeric_limits<int64_t>::min() / 2, std::numeric_limits<int64_t>::max() / 2,
                                  {7, 5}, at::TensorOptions().dtype(at::kLong));
  const Tensor got = row_uniforms(keys.to(device_), 3, 1000);
  ASSERT_TRUE(got.is_cuda());
  EXPECT_TRUE(got.cpu().equal(row_uniforms(keys, 3, 1000)));
}

TEST_F(GpuKernel, CrossEntropyAgreesWithTheCpu) {
  const auto run = [](at::Device device) {
    const at::Generator generator = make_generator(5);
    const Tensor x = at::randn({70, 32}, generator).to(device).requires_grad_(),
                 weight = at::randn({500, 32}, generator).to(device).requires_grad_();
    const Tensor labels = at::randint(0, 500, {70}, generator, at::TensorOptions().dtype(at::kLong)).to(device);
    const CrossEntropySums sums = linear_cross_entropy(
        x, {.weight = weight, .bias = {}}, labels, at::ones({70}).to(device), {.z_loss_scale = 1e-4, .chunk_rows = 16});
    sums.loss.backward();
    return std::vector<Tensor>{sums.loss.detach().cpu(), sums.accuracy.cpu(), x.grad().cpu(), weight.grad().cpu()};
  };
  const std::vector<Tensor> got = run(device_), expected = run(at::kCPU);
  for (size_t i = 0; i < got.size(); ++i) EXPECT_LE(relative_difference(got[i], expected[i]), 1e-4) << i;
}

// NCCL, its streams and its end, the watchdog, sharded units and their recomputation.
TEST_F(GpuKernel, TrainsInANcclGroupOfOne) { molmo::testing::expect_training_in_a_group_of_one(device_); }

TEST_F(GpuKernel, ParseDeviceRefusesADeviceThatIsNotThere) {
  const int num_devices = probe_cuda_driver().num_devices;
  EXPECT_THROW(parse_device("cuda:" + std::to_string(num_devices)), Error);
  EXPECT_TRUE(parse_device("auto").is_cuda());
}

}  // namespace
}  // namespace molmo::tensor

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const int status = RUN_ALL_TESTS();
  if (status != 0) return status;
  const auto& run = *::testing::UnitTest::GetInstance();
  if (run.successful_test_count() > 0) return 0;
  const auto driver = molmo::tensor::probe_cuda_driver();
  std::printf("gpu_test: skipped, %s\n", driver.num_devices == 0 ? driver.problem.c_str() : "no test was run");
  return molmo::tensor::kSkipReturnCode;
}
