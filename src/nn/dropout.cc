// SPDX-License-Identifier: Apache-2.0
#include "nn/dropout.h"

#include "base/check.h"
#include "tensor/ops.h"

namespace molmo::nn {

Tensor drop(const Tensor& x, double p, const std::optional<at::Generator>& generator) {
  if (p <= 0.0) return x;
  const Tensor mask = at::empty_like(x).bernoulli_(1.0 - p, generator);
  return x * mask.mul_(1.0 / (1.0 - p));
}

Tensor drop_residual(const Tensor& x, const DropoutState& state) {
  if (state.response <= 0.0) return drop(x, state.residual, state.generator);
  MOLMO_CHECK(state.is_response.defined(), "response dropout without a response mask");
  const Tensor response = state.is_response.unsqueeze(-1);  // [B, S, 1]
  const Tensor keep = at::where(response, 1.0 - state.response, 1.0 - state.residual).to(at::kFloat);
  const Tensor uniform = at::empty(x.sizes(), x.options().dtype(at::kFloat)).uniform_(0.0, 1.0, state.generator);
  return x * at::where(uniform < keep, 1.0 / keep, 0.0).to(x.scalar_type());
}

}  // namespace molmo::nn
