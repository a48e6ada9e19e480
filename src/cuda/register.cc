// The one binding between the kernels of this folder and LibTorch, and the one function that libmolmo_cuda.so exports.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <string>

#include "cuda/architectures.h"
#include "cuda/rms_norm.h"
#include "cuda/rope.h"
#include "cuda/row_uniforms.h"
#include "cuda/swiglu.h"
#include "tensor/kernel_table.h"

namespace molmo::cuda {
namespace {

ElementType element_type(const Tensor& x) {
  return x.scalar_type() == at::kFloat ? ElementType::kFloat32 : ElementType::kBfloat16;
}

// Starts a kernel on x's device and the stream that is current there.
template <class Args>
void start(void (*launch)(const Args&, cudaStream_t), const Args& args, const Tensor& x) {
  const c10::cuda::CUDAGuard guard(x.device());
  launch(args, c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {  // [..., D], [D] -> [..., D] float32
  Tensor y = at::empty(x.sizes(), x.options().dtype(at::kFloat));
  start(launch_rms_norm,
        {.x = x.const_data_ptr(),
         .weight = weight.const_data_ptr<float>(),
         .y = y.mutable_data_ptr<float>(),
         .type = element_type(x),
         .num_rows = x.numel() / x.size(-1),
         .width = static_cast<int>(x.size(-1)),
         .eps = static_cast<float>(eps)},
        x);
  return y;
}

std::tuple<Tensor, Tensor> rms_norm_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, double eps) {
  const int64_t width = x.size(-1), num_rows = x.numel() / width;
  Tensor to_x = at::empty(x.sizes(), x.options()), scales = at::empty({num_rows}, weight.options());
  Tensor parts = at::empty({(num_rows + kRowsPerPart - 1) / kRowsPerPart, width}, weight.options());
  start(launch_rms_norm_backward,
        {.grad = grad.const_data_ptr<float>(),
         .x = x.const_data_ptr(),
         .weight = weight.const_data_ptr<float>(),
         .to_x = to_x.mutable_data_ptr(),
         .scales = scales.mutable_data_ptr<float>(),
         .to_weight = parts.mutable_data_ptr<float>(),
         .type = element_type(x),
         .num_rows = num_rows,
         .width = static_cast<int>(width),
         .eps = static_cast<float>(eps)},
        x);
  return {to_x, parts.sum(0)};
}

RopeStrides strides_of(const Tensor& x) { return {.row = x.stride(0), .head = x.stride(1), .position = x.stride(2)}; }

Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos) {  // [B, heads, S, Dh], 2 x [B or 1, 1, S, Dh]
  Tensor y = at::empty_like(x);                                       // laid out as x
  start(launch_rope,
        {.x = x.const_data_ptr(),
         .y = y.mutable_data_ptr(),
         .x_strides = strides_of(x),
         .y_strides = strides_of(y),
         .sin = sin.const_data_ptr<float>(),
         .cos = cos.const_data_ptr<float>(),
         .has_table_per_row = sin.size(0) > 1,
         .type = element_type(x),
         .num_rows = x.size(0),
         .num_positions = x.size(2),
         .num_heads = static_cast<int>(x.size(1)),
         .width = static_cast<int>(x.size(3))},
        x);
  return y;
}

SwiGluArgs swiglu_args(const Tensor& up, const Tensor& gate) {
  return {.up = up.const_data_ptr(),
          .gate = gate.const_data_ptr(),
          .up_step = up.stride(-2),
          .gate_step = gate.stride(-2),
          .type = element_type(up),
          .num_rows = up.numel() / up.size(-1),
          .width = up.size(-1)};
}

Tensor swiglu(const Tensor& up, const Tensor& gate) {  // 2 x [..., F] -> [..., F]
  Tensor y = at::empty(up.sizes(), up.options());
  SwiGluArgs args = swiglu_args(up, gate);
  args.y = y.mutable_data_ptr();
  start(launch_swiglu, args, up);
  return y;
}

Tensor swiglu_backward(const Tensor& grad, const Tensor& up, const Tensor& gate) {  // 3 x [..., F] -> [..., 2F]
  std::vector<int64_t> sizes = up.sizes().vec();
  sizes.back() *= 2;
  Tensor both = at::empty(sizes, up.options());
  SwiGluArgs args = swiglu_args(up, gate);
  args.grad = grad.const_data_ptr();
  args.to_both = both.mutable_data_ptr();
  start(launch_swiglu_backward, args, up);
  return both;
}

Tensor row_uniforms(const Tensor& keys, int64_t site, int64_t count) {  // [...] int64 -> [..., count] float32
  std::vector<int64_t> shape = keys.sizes().vec();
  shape.push_back(count);
  Tensor values = at::empty(shape, keys.options().dtype(at::kFloat));
  if (values.numel() == 0) return values;
  start(launch_row_uniforms,
        {.keys = keys.const_data_ptr<int64_t>(),
         .values = values.mutable_data_ptr<float>(),
         .site = site,
         .num_rows = keys.numel(),
         .count = count},
        keys);
  return values;
}

// Names a device for which there is no code, or nothing. Asks without making a context on it.
std::string device_without_code() {
  int num_devices = 0;
  if (cudaGetDeviceCount(&num_devices) != cudaSuccess) cudaGetLastError();  // forgotten: no device, no tensor on it
  for (int device = 0; device < num_devices; ++device) {
    int major = 0, minor = 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (!has_code_for({MOLMO_CUDA_ARCHITECTURES}, 10 * major + minor))
      return "cuda:" + std::to_string(device) + " has compute capability " + std::to_string(major) + "." +
             std::to_string(minor);
  }
  return "";
}

}  // namespace
}  // namespace molmo::cuda

/// Fills `table` with the kernels of CUDA tensors. Where a device is one that they were not compiled for, leaves it as
/// it is and returns which; else null.
extern "C" __attribute__((visibility("default"))) const char* molmo_cuda_register(molmo::tensor::KernelTable* table) {
  static std::string problem;
  problem = molmo::cuda::device_without_code();
  if (!problem.empty()) return problem.c_str();
  *table = {.rms_norm = molmo::cuda::rms_norm,
            .rms_norm_backward = molmo::cuda::rms_norm_backward,
            .rope = molmo::cuda::rope,
            .swiglu = molmo::cuda::swiglu,
            .swiglu_backward = molmo::cuda::swiglu_backward,
            .row_uniforms = molmo::cuda::row_uniforms};
  return nullptr;
}
