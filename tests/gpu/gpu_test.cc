// Kernels of the CUDA half against their CPU twins. Ends with 77, which ctest counts as skipped, where no GPU is.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdio>

#include "molmo/error.h"
#include "tensor/device.h"
#include "tensor/kernels.h"
#include "tensor/linear_cross_entropy.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

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
  const Tensor got = kernels().rms_norm(x.to(device), weight.to(device), 1e-6);
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
  const Tensor got = kernels().rms_norm(shifted, weight.to(device_), 1e-6);
  EXPECT_LE(relative_difference(got, cpu_kernels().rms_norm(x, weight, 1e-6)), 1e-6);
}

TEST_F(GpuKernel, RmsNormTakesTransposedInputAndNoRows) {
  const at::NoGradGuard no_grad;
  expect_twins_agree(device_, at::randn({3, 40, 5}).transpose(1, 2).contiguous(), at::ones({40}));
  const Tensor x = at::randn({3, 40, 5}), weight = at::ones({40});
  const Tensor got = kernels().rms_norm(x.to(device_).transpose(1, 2), weight.to(device_), 1e-6);
  EXPECT_LE(relative_difference(got, kernels().rms_norm(x.transpose(1, 2), weight, 1e-6)), 1e-6);
  EXPECT_EQ(kernels().rms_norm(at::empty({0, 40}, at::TensorOptions(device_)), weight.to(device_), 1e-6).numel(), 0);
}

TEST_F(GpuKernel, RmsNormKeepsTheGradientWhereOneIsWanted) {
  const Tensor x = at::randn({4, 32}, at::TensorOptions(device_)).requires_grad_();
  kernels().rms_norm(x, at::ones({32}, at::TensorOptions(device_)), 1e-6).sum().backward();
  EXPECT_TRUE(x.grad().defined());
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
  const Tensor got = kernels().row_uniforms(keys.to(device_), 3, 1000);
  ASSERT_TRUE(got.is_cuda());
  EXPECT_TRUE(got.cpu().equal(kernels().row_uniforms(keys, 3, 1000)));
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
