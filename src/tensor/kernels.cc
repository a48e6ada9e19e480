// SPDX-License-Identifier: Apache-2.0
#include "tensor/kernels.h"

#include "base/check.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::tensor {
namespace {

KernelTable cuda_table;  // all null until the CUDA half is open

// The kernel of `table_entry` on x's device, or null.
template <class Entry>
auto kernel_for(const Tensor& x, Entry KernelTable::*entry) {
  if (x.is_cpu()) return cpu_kernels().*entry;
  if (x.is_cuda()) return cuda_table.*entry;
  return static_cast<Entry>(nullptr);
}

bool wants_gradient(const Tensor& x, const Tensor& weight) {
  return at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad());
}

Tensor rms_norm_by_operators(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor wide = x.to(at::kFloat);
  const Tensor scaled = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return weight * scaled.to(x.scalar_type());
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  MOLMO_CHECK(x.dim() >= 1, "rms_norm: x is a scalar");
  expect_shape("rms_norm weight", weight, {x.size(-1)});
  const bool has_dtype = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  const auto kernel = kernel_for(x, &KernelTable::rms_norm);
  if (kernel == nullptr || !has_dtype || weight.scalar_type() != at::kFloat || x.numel() == 0 ||
      wants_gradient(x, weight)) {
    return rms_norm_by_operators(x, weight, eps);
  }
  MOLMO_CHECK(weight.device() == x.device(), "rms_norm: x and weight are on different devices");
  return kernel(x.contiguous(), weight.contiguous(), eps);
}

}  // namespace

const KernelTable& kernels() {
  static constexpr KernelTable table{.rms_norm = rms_norm};
  return table;
}

const KernelTable& operator_kernels() {
  static constexpr KernelTable table{.rms_norm = rms_norm_by_operators};
  return table;
}

void install_cuda_kernels(const KernelTable& table) { cuda_table = table; }

}  // namespace molmo::tensor
