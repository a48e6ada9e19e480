// The one binding between the kernels of this folder and LibTorch, and the one function that libmolmo_cuda.so exports.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "cuda/rms_norm.h"
#include "cuda/row_uniforms.h"
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

Tensor row_uniforms(const Tensor& keys, int64_t site, int64_t count) {  // [...] int64 -> [..., count] float32
  const c10::cuda::CUDAGuard guard(keys.device());
  std::vector<int64_t> shape = keys.sizes().vec();
  shape.push_back(count);
  Tensor values = at::empty(shape, keys.options().dtype(at::kFloat));
  if (values.numel() == 0) return values;
  launch_row_uniforms({.keys = keys.const_data_ptr<int64_t>(),
                       .values = values.mutable_data_ptr<float>(),
                       .site = site,
                       .num_rows = keys.numel(),
                       .count = count},
                      c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return values;
}

}  // namespace
}  // namespace molmo::cuda

/// Fills `table` with the kernels of CUDA tensors.
extern "C" __attribute__((visibility("default"))) void molmo_cuda_register(molmo::tensor::KernelTable* table) {
  table->rms_norm = molmo::cuda::rms_norm;
  table->row_uniforms = molmo::cuda::row_uniforms;
}
