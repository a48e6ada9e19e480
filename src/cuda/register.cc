// The one binding between the kernels of this folder and LibTorch, and the one function that libmolmo_cuda.so exports.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "cuda/rms_norm.h"
#include "tensor/kernels.h"

namespace molmo::cuda {
namespace {

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {  // [..., D], [D] -> [..., D] float32
  const c10::cuda::CUDAGuard guard(x.device());
  Tensor y = at::empty(x.sizes(), x.options().dtype(at::kFloat));
  const RmsNormArgs args{.x = x.const_data_ptr(),
                         .weight = weight.const_data_ptr<float>(),
                         .y = y.mutable_data_ptr<float>(),
                         .type = x.scalar_type() == at::kFloat ? ElementType::kFloat32 : ElementType::kBfloat16,
                         .num_rows = x.numel() / x.size(-1),
                         .width = static_cast<int>(x.size(-1)),
                         .eps = static_cast<float>(eps)};
  launch_rms_norm(args, c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

}  // namespace
}  // namespace molmo::cuda

/// Fills `table` with the kernels of CUDA tensors.
extern "C" __attribute__((visibility("default"))) void molmo_cuda_register(molmo::tensor::KernelTable* table) {
  table->rms_norm = molmo::cuda::rms_norm;
}
