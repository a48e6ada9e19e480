// Opens the CUDA half as a program does; needs its libraries, but no GPU. A process of its own, since it takes
// LibTorch's CUDA half in for good.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

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
  EXPECT_TRUE(at::globalContext().userEnabledFlashSDP());
  const at::NoGradGuard no_grad;
  const Tensor x = at::ones({2, 8});
  EXPECT_TRUE(rms_norm(x, at::ones({8}), 0.0).equal(x));
}

}  // namespace
}  // namespace molmo::tensor
