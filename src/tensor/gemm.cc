// SPDX-License-Identifier: Apache-2.0
#include "tensor/gemm.h"

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include "base/check.h"
#include "tensor/cpu/processor.h"
#include "tensor/device.h"
#include "tensor/ops.h"
#include "tensor/optional.h"

namespace molmo::tensor {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// --- oneDNN ----------------------------------------------------------------------------------------------------------

// LibTorch uses oneDNN for float32 in compiled graphs only, but its operator can be called from anywhere.
using LinearPointwise = Tensor(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                               std::string_view attribute, c10::List<std::optional<at::Scalar>> scalars,
                               std::optional<std::string_view> algorithm);

std::optional<c10::TypedOperatorHandle<LinearPointwise>> find_onednn() {
  if (!cpu::is_amd_with_avx512()) return std::nullopt;
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found) return std::nullopt;  // a LibTorch without it
  return found->typed<LinearPointwise>();
}

const auto& onednn() {
  static const auto entry = find_onednn();
  return entry;
}

// Below this many operations oneDNN's cost per call outweighs its speed.
constexpr int64_t kLeastProducts = int64_t{1} << 20;

bool takes_onednn(const Tensor& a, const Tensor& b, int64_t num_products) {
  return a.is_cpu() && a.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat &&
         num_products >= kLeastProducts && onednn().has_value();
}

// Whether rows or columns are dense: oneDNN then reads the operand in place.
Tensor readable(const Tensor& matrix) {
  const bool has_rows = matrix.stride(1) == 1 && matrix.stride(0) >= matrix.size(1);
  const bool has_columns = matrix.stride(0) == 1 && matrix.stride(1) >= matrix.size(0);
  return has_rows || has_columns ? matrix : matrix.contiguous();
}

// a [m, k], b [n, k] -> a b^T + bias
Tensor onednn_linear(const Tensor& a, const Tensor& b, const Tensor& bias) {
  return onednn()->call(readable(a), readable(b), as_optional(bias), "none", c10::List<std::optional<at::Scalar>>(),
                        std::nullopt);
}

struct OneDnnLinear : torch::autograd::Function<OneDnnLinear> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const std::optional<Tensor>& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["has_bias"] = bias.has_value();
    return onednn_linear(x, weight, bias.value_or(Tensor()));
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    variable_list result(3);
    if (context->needs_input_grad(0)) result[0] = gemm(grads[0], saved[1]);
    if (context->needs_input_grad(1)) result[1] = gemm(grads[0].t(), saved[0]);
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(2)) result[2] = grads[0].sum(0);
    return result;
  }
};

// --- bfloat16 on a CPU without instructions for it -------------------------------------------------------------------

// LibTorch's bfloat16 products are ten times slower than its float32 ones there. These compute in float32 and round the
// result, which gives the same values.
bool widens(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && !is_fast_at_bfloat16(x.device());
}

}  // namespace

Tensor gemm_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  MOLMO_CHECK(x.scalar_type() == weight.scalar_type(), "a linear map of another dtype than its input");
  if (widens(x))
    return gemm_linear(x.to(at::kFloat), weight.to(at::kFloat), bias.defined() ? bias.to(at::kFloat) : bias)
        .to(at::kBFloat16);
  if (!takes_onednn(x, weight, x.numel() * weight.size(0))) return at::linear(x, weight, as_optional(bias));
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  return OneDnnLinear::apply(x.reshape({-1, x.size(-1)}), weight, as_optional(bias)).view(shape);
}

Tensor gemm(const Tensor& a, const Tensor& b) {
  if (widens(a)) return gemm(a.to(at::kFloat), b.to(at::kFloat)).to(at::kBFloat16);
  if (!takes_onednn(a, b, a.numel() * b.size(1))) return at::matmul(a, b);
  const at::NoGradGuard no_grad;
  return onednn_linear(a, b.t(), Tensor());
}

}  // namespace molmo::tensor
