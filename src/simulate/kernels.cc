// SPDX-License-Identifier: Apache-2.0
#include "simulate/kernels.h"

#include "cuda/rows_per_part.h"
#include "simulate/cost.h"
#include "simulate/event.h"
#include "simulate/gpu.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

// What a kernel will write.
Tensor result(IntArrayRef sizes, const at::TensorOptions& options) {
  Tensor made = at::empty(sizes, options);
  forget_values(made);
  return made;
}

// One launch that reads and writes each of these once.
void record_kernel(const char* name, std::initializer_list<const Tensor*> tensors) {
  Event event{.name = name, .num_launches = 1};
  for (const Tensor* tensor : tensors) event.bytes += distinct_bytes(*tensor);
  if (event.bytes > 0) record(std::move(event));
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double) {
  Tensor y = result(x.sizes(), x.options().dtype(at::kFloat));
  record_kernel("molmo::rms_norm", {&x, &weight, &y});
  return y;
}

std::tuple<Tensor, Tensor> rms_norm_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, double) {
  const int64_t width = x.size(-1), num_rows = x.numel() / width;
  Tensor to_x = result(x.sizes(), x.options()), scales = result({num_rows}, weight.options());
  Tensor parts = result({(num_rows + cuda::kRowsPerPart - 1) / cuda::kRowsPerPart, width}, weight.options());
  record_kernel("molmo::rms_norm_backward", {&grad, &x, &weight, &to_x, &scales});
  record_kernel("molmo::rms_norm_weight_gradient", {&grad, &x, &scales, &parts});
  return {to_x, parts.sum(0)};
}

Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos) {
  Tensor y = at::empty_like(x);  // laid out as x
  forget_values(y);
  record_kernel("molmo::rope", {&x, &sin, &cos, &y});
  return y;
}

Tensor swiglu(const Tensor& up, const Tensor& gate) {
  Tensor y = result(up.sizes(), up.options());
  record_kernel("molmo::swiglu", {&up, &gate, &y});
  return y;
}

Tensor swiglu_backward(const Tensor& grad, const Tensor& up, const Tensor& gate) {
  std::vector<int64_t> sizes = up.sizes().vec();
  sizes.back() *= 2;
  Tensor both = result(sizes, up.options());
  record_kernel("molmo::swiglu_backward", {&grad, &up, &gate, &both});
  return both;
}

Tensor row_uniforms(const Tensor& keys, int64_t, int64_t count) {
  std::vector<int64_t> shape = keys.sizes().vec();
  shape.push_back(count);
  Tensor values = result(shape, keys.options().dtype(at::kFloat));
  record_kernel("molmo::row_uniforms", {&keys, &values});
  return values;
}

}  // namespace

tensor::KernelTable simulated_kernels() {
  return {.rms_norm = rms_norm,
          .rms_norm_backward = rms_norm_backward,
          .rope = rope,
          .swiglu = swiglu,
          .swiglu_backward = swiglu_backward,
          .row_uniforms = row_uniforms};
}

}  // namespace molmo::simulate
