// Opens the CUDA half as a program does; needs its libraries, but no GPU. A process of its own, since it takes
// LibTorch's CUDA half in for good.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "molmo/error.h"
#include "tensor/device.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo::tensor {
namespace {

TEST(CudaHalf, OpensAndLeavesTheCpuKernelsAlone) {
  ASSERT_NO_THROW(open_cuda_half());
  ASSERT_NO_THROW(open_cuda_half());
  EXPECT_TRUE(at::globalContext().hasCUDA() || probe_cuda_driver().num_devices == 0);
  EXPECT_FALSE(at::globalContext().userEnabledCuDNNSDP());
  allow_cudnn_attention(true);
  EXPECT_TRUE(at::globalContext().userEnabledCuDNNSDP());
  allow_cudnn_attention(false);
  EXPECT_STREQ(std::getenv("PYTORCH_ALLOC_CONF"), "expandable_segments:True");
  EXPECT_TRUE(at::globalContext().userEnabledFlashSDP());
  const at::NoGradGuard no_grad;
  const Tensor x = at::ones({2, 8});
  EXPECT_TRUE(rms_norm(x, at::ones({8}), 0.0).equal(x));
}

// Where headers and library differ, groups are refused instead of overrunning the options that they share.
TEST(CudaHalf, TellsAnotherNccl) {
  const auto problem_of = reinterpret_cast<void (*)(int, std::string*)>(find_in_cuda_half("molmo_cuda_nccl_problem"));
  ASSERT_NE(problem_of, nullptr);
  const auto problem = [&](int version) {
    std::string text;
    problem_of(version, &text);
    return text;
  };
  const std::string other = problem(10203);
  EXPECT_TRUE(other.starts_with("NCCL at run time, got 1.2.3, expected ")) << other;
  int matches = 0;  // all patches of one minor version
  for (int version = 20000; version < 40000; ++version) matches += problem(version).empty() ? 1 : 0;
  EXPECT_EQ(matches, 100);
}

}  // namespace
}  // namespace molmo::tensor
