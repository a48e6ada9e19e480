// SPDX-License-Identifier: Apache-2.0
#include "nn/dropout.h"

#include "base/check.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo::nn {
namespace {

// Odd 64-bit constants, as int64: products and sums wrap around.
constexpr auto kStreamStride = static_cast<int64_t>(0xD1B54A32D192ED03u),
               kStepStride = static_cast<int64_t>(0xABC98388FB8FAC03u),
               kHeadStride = static_cast<int64_t>(0x9FB21C651E98DF25u);

int64_t wrapping_product(uint64_t a, int64_t b) { return static_cast<int64_t>(a * static_cast<uint64_t>(b)); }

// [...] keys -> [..., n] in [0, 1)
Tensor uniforms(const Tensor& keys, const Tensor& x, int64_t site) {
  MOLMO_CHECK(keys.defined(), "dropout without keys");
  const int64_t count = keys.numel() > 0 ? x.numel() / keys.numel() : 0;
  MOLMO_CHECK(count * keys.numel() == x.numel(), "dropout with keys of another batch");
  return tensor::row_uniforms(keys.contiguous(), site, count).view(x.sizes());
}

}  // namespace

Tensor dropout_keys(const Tensor& streams, uint64_t seed) {
  return streams * kStreamStride + wrapping_product(seed, kStepStride);
}

DropoutState dropout_of(const DropoutState& state, const Tensor& tokens) {
  DropoutState result = state;
  for (Tensor* part : {&result.is_response, &result.token_keys})
    if (part->defined()) *part = part->flatten().index_select(0, tokens);
  return result;
}

Tensor drop(const Tensor& x, double p, const Tensor& keys, int64_t site) {
  if (p <= 0.0) return x;
  // By a scalar: multiplied in float32, whatever x is. As a tensor of x's dtype the scale would be rounded first.
  return (x * (1.0 / (1.0 - p))).mul((uniforms(keys, x, site) >= p).to(x.scalar_type()));
}

Tensor drop_residual(const Tensor& x, const DropoutState& state, int64_t site) {
  if (state.response <= 0.0) return drop(x, state.residual, state.token_keys, site);
  MOLMO_CHECK(state.is_response.defined(), "response dropout without a response mask");
  const Tensor response = state.is_response.unsqueeze(-1);  // [B, S, 1]
  const Tensor keep = at::where(response, 1.0 - state.response, 1.0 - state.residual);
  return x * at::where(uniforms(state.token_keys, x, site) < keep, 1.0 / keep, 0.0).to(x.scalar_type());
}

Tensor drop_probabilities(const Tensor& x, double p, const Tensor& keys, int64_t site) {
  if (p <= 0.0) return x;
  // Heads have streams of their own, so that a number does not depend on how many keys padding adds.
  const Tensor heads = at::arange(x.size(1), keys.options()).view({1, -1, 1}) * kHeadStride;
  return drop(x, p, keys.unsqueeze(1) + heads, site);  // keys [B, H, Sq]
}

}  // namespace molmo::nn
