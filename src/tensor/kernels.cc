// SPDX-License-Identifier: Apache-2.0
#include "tensor/kernels.h"

#include "base/check.h"
#include "tensor/cpu/processor.h"
#include "tensor/differentiable.h"
#include "tensor/kernel_table.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::tensor {
namespace {

KernelTable cuda_table;  // all null until the CUDA half is open
thread_local bool chooses_for_backward = false;

const KernelTable* table_of(const at::Device& device) {
  if (device.is_cpu()) return &cpu_kernels();
  return device.is_cuda() ? &cuda_table : nullptr;
}

// The kernels of x's device if they take these tensors, else null: another dtype, or an empty tensor.
template <class... Tensors>
const KernelTable* table_for(const Tensor& x, const Tensors&... others) {
  const auto is_known = [](const Tensor& t) {
    return !t.defined() || t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16;
  };
  if (x.numel() == 0 || !is_known(x) || !(is_known(others) && ...)) return nullptr;
  for (const Tensor* other : std::initializer_list<const Tensor*>{&others...}) {
    MOLMO_CHECK(!other->defined() || other->device() == x.device(), "a kernel's tensors are on different devices");
  }
  return table_of(x.device());
}

template <class... Tensors>
bool wants_gradient(const Tensors&... tensors) {
  return at::GradMode::is_enabled() && ((tensors.defined() && tensors.requires_grad()) || ...);
}

// Whether only a kernel with a backward may be used.
template <class... Tensors>
bool needs_backward(const Tensors&... tensors) {
  return chooses_for_backward || wants_gradient(tensors...);
}

// Rows of one distance, dense in themselves: x itself where it lies so.
Tensor as_rows(const Tensor& x) {
  if (x.dim() == 1) return x.unsqueeze(0).contiguous();
  bool is_fit = x.stride(-1) == 1;
  for (int64_t i = 0; i + 2 < x.dim(); ++i) is_fit &= x.stride(i) == x.stride(i + 1) * x.size(i + 1);
  return is_fit ? x : x.contiguous();
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  MOLMO_CHECK(x.dim() >= 1, "rms_norm: x is a scalar");
  expect_shape("rms_norm weight", weight, {x.size(-1)});
  const KernelTable* table = weight.scalar_type() == at::kFloat ? table_for(x, weight) : nullptr;
  if (table == nullptr || table->rms_norm == nullptr) return operator_kernels().rms_norm(x, weight, eps);
  if (needs_backward(x, weight) && table->rms_norm_backward == nullptr)
    return operator_kernels().rms_norm(x, weight, eps);
  if (!wants_gradient(x, weight)) return table->rms_norm(x.contiguous(), weight.contiguous(), eps);
  return differentiable::rms_norm(*table, x.contiguous(), weight.contiguous(), eps);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  expect_shape("linear weight", weight, {kAnySize, x.size(-1)});
  const bool is_small = x.numel() <= kMostKernelRows * weight.size(1) && weight.is_contiguous();
  const bool same_types = !bias.defined() || bias.scalar_type() == weight.scalar_type();
  const bool fits = is_small && same_types && !needs_backward(x, weight, bias);
  const KernelTable* table = fits ? table_for(x, weight, bias) : nullptr;
  const bool has_kernel = table != nullptr && table->linear != nullptr;
  return (has_kernel ? *table : operator_kernels()).linear(x, weight, bias);
}

Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& lengths) {
  expect_shape("decode_attention q", q, {k.size(0), kAnySize, 1, k.size(3)});
  expect_shape("decode_attention v", v, {k.size(0), k.size(1), k.size(2), k.size(3)});
  if (lengths.defined()) expect_shape("decode_attention lengths", lengths, {k.size(0)});
  const bool fits = k.stride(3) == 1 && v.stride(3) == 1 && k.scalar_type() == q.scalar_type() &&
                    v.scalar_type() == q.scalar_type() && !needs_backward(q, k, v);
  const KernelTable* table = fits ? table_for(q, k, v) : nullptr;
  const bool has_kernel = table != nullptr && table->decode_attention != nullptr;
  return has_kernel ? table->decode_attention(q.contiguous(), k, v, lengths)
                    : operator_kernels().decode_attention(q, k, v, lengths);
}

std::tuple<Tensor, Tensor> packed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& segments) {
  expect_shape("packed_attention q", q, {k.size(0), kAnySize, k.size(2), k.size(3)});
  expect_shape("packed_attention v", v, {k.size(0), k.size(1), k.size(2), k.size(3)});
  expect_shape("packed_attention segments", segments, {k.size(0), k.size(2)});
  const auto fits = [](const Tensor& x) { return x.stride(3) == 1 && x.scalar_type() == at::kFloat; };
  // The kernel is for float32. Even with the conversion it is faster than LibTorch's masked square in bfloat16, since
  // it skips the keys that are masked.
  if (q.is_cpu() && q.scalar_type() == at::kBFloat16) {
    const Tensor wide = std::get<0>(packed_attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), segments));
    return {wide.to(at::kBFloat16), Tensor()};
  }
  const KernelTable* table = fits(q) && fits(k) && fits(v) ? table_for(q, k, v) : nullptr;
  if (table == nullptr || table->packed_attention == nullptr)
    return operator_kernels().packed_attention(q, k, v, segments);
  const Tensor dense = segments.contiguous();
  if (!wants_gradient(q, k, v)) return table->packed_attention(q, k, v, dense);
  return {differentiable::packed_attention(*table, q, k, v, dense), Tensor()};
}

Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos) {
  const bool fits = x.dim() == 4 && sin.dim() == 4 && sin.size(1) == 1 && sin.size(2) == x.size(2) &&
                    sin.size(3) == x.size(3) && x.stride(3) == 1 && sin.sizes() == cos.sizes() &&
                    (sin.size(0) == 1 || sin.size(0) == x.size(0)) && !wants_gradient(sin, cos);
  const KernelTable* table = fits ? table_for(x, sin, cos) : nullptr;
  if (table == nullptr || table->rope == nullptr) return operator_kernels().rope(x, sin, cos);
  if (!wants_gradient(x)) return table->rope(x, sin.contiguous(), cos.contiguous());
  return differentiable::rope(*table, x, sin.contiguous(), cos.contiguous());
}

Tensor sigmoid_unit(const Tensor& x, double a, double b) {
  const KernelTable* table = x.scalar_type() == at::kFloat ? table_for(x) : nullptr;
  if (table == nullptr || table->sigmoid_unit == nullptr) return operator_kernels().sigmoid_unit(x, a, b);
  if (needs_backward(x) && table->sigmoid_unit_backward == nullptr) return operator_kernels().sigmoid_unit(x, a, b);
  if (!wants_gradient(x)) return table->sigmoid_unit(x.contiguous(), a, b);
  return differentiable::sigmoid_unit(*table, x.contiguous(), a, b);
}

Tensor swiglu(const Tensor& up, const Tensor& gate) {
  MOLMO_CHECK(up.dim() >= 1 && up.sizes() == gate.sizes(), "swiglu: up and gate differ in shape");
  const KernelTable* table = up.scalar_type() == gate.scalar_type() ? table_for(up, gate) : nullptr;
  if (table == nullptr || table->swiglu == nullptr) return operator_kernels().swiglu(up, gate);
  if (needs_backward(up, gate) && table->swiglu_backward == nullptr) return operator_kernels().swiglu(up, gate);
  const Tensor first = as_rows(up), second = as_rows(gate);
  if (!wants_gradient(up, gate)) return table->swiglu(first, second).view(up.sizes());
  return differentiable::swiglu(*table, first, second).view(up.sizes());
}

Tensor swiglu_fused(const Tensor& x) {
  MOLMO_CHECK(x.dim() >= 1 && x.size(-1) % 2 == 0, "swiglu: an odd width");
  const int64_t width = x.size(-1) / 2;
  const KernelTable* table = table_for(x);
  const bool has_kernels = table != nullptr && table->swiglu != nullptr && table->swiglu_backward != nullptr;
  if (!has_kernels || x.dim() < 2 || !wants_gradient(x))
    return swiglu(x.narrow(-1, 0, width), x.narrow(-1, width, width));
  return differentiable::swiglu_fused(*table, x.contiguous());
}

Tensor row_uniforms(const Tensor& keys, int64_t site, int64_t count) {
  const KernelTable* table = table_of(keys.device());
  const bool has_kernel = table != nullptr && table->row_uniforms != nullptr;
  return (has_kernel ? *table : operator_kernels()).row_uniforms(keys.contiguous(), site, count);
}

bool has_packed_attention(at::Device device, at::ScalarType type) {
  const KernelTable* table =
      type == at::kFloat || (type == at::kBFloat16 && device.is_cpu()) ? table_of(device) : nullptr;
  return table != nullptr && table->packed_attention != nullptr;
}

bool prefers_packed_attention(const Tensor& q) {
  constexpr int64_t kLeastScores = int64_t{1} << 20;
  const bool is_large = q.size(0) * q.size(1) * q.size(2) * q.size(2) >= kLeastScores;
  return is_large && q.is_cpu() && q.scalar_type() == at::kFloat && cpu::is_amd_with_avx512();
}

ScopedBackwardKernels::ScopedBackwardKernels() : before_(chooses_for_backward) { chooses_for_backward = true; }
ScopedBackwardKernels::~ScopedBackwardKernels() { chooses_for_backward = before_; }

bool needs_backward_kernels() { return chooses_for_backward || at::GradMode::is_enabled(); }

void install_cuda_kernels(const KernelTable& table) { cuda_table = table; }

}  // namespace molmo::tensor
