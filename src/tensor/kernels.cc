// SPDX-License-Identifier: Apache-2.0
#include "tensor/kernels.h"

#include <limits>

#include "base/check.h"
#include "tensor/device.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::tensor {
namespace {

KernelTable cuda_table;  // all null until the CUDA half is open

// The kernel of `table_entry` on x's device, or null: also for dtypes that kernels do not know, for nothing at all, and
// where a gradient is wanted of any of `tensors`.
template <class Entry, class... Tensors>
Entry kernel_for(Entry KernelTable::*entry, const Tensor& x, const Tensors&... others) {
  const auto is_known = [](const Tensor& t) {
    return !t.defined() || t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16;
  };
  const auto wants_gradient = [](const Tensor& t) { return t.defined() && t.requires_grad(); };
  if (x.numel() == 0 || !is_known(x) || !(is_known(others) && ...)) return nullptr;
  if (at::GradMode::is_enabled() && (wants_gradient(x) || (wants_gradient(others) || ...))) return nullptr;
  for (const Tensor* other : std::initializer_list<const Tensor*>{&others...}) {
    MOLMO_CHECK(!other->defined() || other->device() == x.device(), "a kernel's tensors are on different devices");
  }
  if (x.is_cpu()) return cpu_kernels().*entry;
  return x.is_cuda() ? cuda_table.*entry : nullptr;
}

// --- by LibTorch's operators
// --------------------------------------------------------------------------------------------

Tensor rms_norm_by_operators(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor wide = x.to(at::kFloat);
  const Tensor scaled = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return weight * scaled.to(x.scalar_type());
}

// LibTorch's bfloat16 products on a CPU without instructions for them are ten times slower than in float32. These give
// the same: inputs rounded, float32 sums, the result rounded.
bool widens(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && !is_fast_at_bfloat16(x.device());
}

Tensor matvec_by_operators(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor rows = x.to(weight.scalar_type());
  const auto in = [&](at::ScalarType type) {
    return at::linear(rows.to(type), weight.to(type),
                      bias.defined() ? std::optional<Tensor>(bias.to(type)) : std::nullopt);
  };
  return widens(rows) ? in(at::kFloat).to(at::kBFloat16) : in(weight.scalar_type());
}

Tensor attention_by_operators(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  const int64_t repeats = q.size(1) / k.size(1);
  const auto added = bias.defined() ? std::optional<Tensor>(bias_as(bias, q.scalar_type())) : std::nullopt;
  return at::scaled_dot_product_attention(q, k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1), added);
}

Tensor rope_by_operators(const Tensor& x, const Tensor& sin, const Tensor& cos) {
  const Tensor wide = x.to(at::kFloat);
  const std::vector<Tensor> halves = wide.chunk(2, -1);
  const Tensor rotated = at::cat({-halves[1], halves[0]}, -1);
  return (wide * cos + rotated * sin).to(x.scalar_type());
}

Tensor swiglu_by_operators(const Tensor& x) {
  const std::vector<Tensor> halves = x.chunk(2, -1);  // [..., F] up, [..., F] gate
  return at::silu(halves[1]) * halves[0];
}

// --- the front
// ----------------------------------------------------------------------------------------------------------

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  MOLMO_CHECK(x.dim() >= 1, "rms_norm: x is a scalar");
  expect_shape("rms_norm weight", weight, {x.size(-1)});
  const auto kernel = weight.scalar_type() == at::kFloat ? kernel_for(&KernelTable::rms_norm, x, weight) : nullptr;
  return kernel == nullptr ? rms_norm_by_operators(x, weight, eps) : kernel(x.contiguous(), weight.contiguous(), eps);
}

Tensor matvec(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  expect_shape("matvec weight", weight, {kAnySize, x.size(-1)});
  const bool is_small = x.numel() <= kMostMatvecRows * weight.size(1) && weight.is_contiguous();
  const bool same_types = !bias.defined() || bias.scalar_type() == weight.scalar_type();
  const auto kernel = is_small && same_types ? kernel_for(&KernelTable::matvec, x, weight, bias) : nullptr;
  return kernel == nullptr ? matvec_by_operators(x, weight, bias) : kernel(x, weight, bias);
}

Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  expect_shape("decode_attention q", q, {k.size(0), kAnySize, 1, k.size(3)});
  expect_shape("decode_attention v", v, {k.size(0), k.size(1), k.size(2), k.size(3)});
  const bool fits =
      k.stride(3) == 1 && v.stride(3) == 1 && k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type();
  const auto kernel = fits ? kernel_for(&KernelTable::decode_attention, q, k, v, bias) : nullptr;
  return kernel == nullptr ? attention_by_operators(q, k, v, bias) : kernel(q.contiguous(), k, v, bias);
}

Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos) {
  const bool fits = x.dim() == 4 && sin.dim() == 4 && sin.size(1) == 1 && sin.size(2) == x.size(2) &&
                    sin.size(3) == x.size(3) && x.stride(3) == 1 && sin.sizes() == cos.sizes() &&
                    (sin.size(0) == 1 || sin.size(0) == x.size(0));
  const auto kernel = fits ? kernel_for(&KernelTable::rope, x, sin, cos) : nullptr;
  return kernel == nullptr ? rope_by_operators(x, sin, cos) : kernel(x, sin.contiguous(), cos.contiguous());
}

Tensor swiglu(const Tensor& x) {
  MOLMO_CHECK(x.dim() >= 1 && x.size(-1) % 2 == 0, "swiglu: an odd width");
  const auto kernel = kernel_for(&KernelTable::swiglu, x);
  return kernel == nullptr ? swiglu_by_operators(x) : kernel(x.contiguous());
}

}  // namespace

Tensor bias_as(const Tensor& bias, at::ScalarType type) {
  static const double kLowestBFloat16 = static_cast<float>(std::numeric_limits<c10::BFloat16>::lowest());
  return (type == at::kBFloat16 ? bias.clamp_min(kLowestBFloat16) : bias).to(type);
}

const KernelTable& kernels() {
  static constexpr KernelTable table{
      .rms_norm = rms_norm, .matvec = matvec, .decode_attention = decode_attention, .rope = rope, .swiglu = swiglu};
  return table;
}

const KernelTable& operator_kernels() {
  static constexpr KernelTable table{.rms_norm = rms_norm_by_operators,
                                     .matvec = matvec_by_operators,
                                     .decode_attention = attention_by_operators,
                                     .rope = rope_by_operators,
                                     .swiglu = swiglu_by_operators};
  return table;
}

void install_cuda_kernels(const KernelTable& table) { cuda_table = table; }

}  // namespace molmo::tensor
