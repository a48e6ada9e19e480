// SPDX-License-Identifier: Apache-2.0
#include "generate/sampler.h"

#include <cmath>

#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::generate {
namespace {

uint32_t row_seed(uint64_t seed, size_t row) {
  const uint64_t mixed = (seed + 1) * 0x9E3779B97F4A7C15ull + row * 0xBF58476D1CE4E5B9ull;
  return static_cast<uint32_t>(mixed ^ mixed >> 32);
}

}  // namespace

Tensor next_log_probs(const Tensor& logits) {
  const Tensor log_probs = at::log_softmax(logits, -1).cpu().contiguous();  // [R, V]
  const float* values = log_probs.const_data_ptr<float>();
  for (int64_t row = 0; row < log_probs.size(0); ++row) {
    // The normaliser carries a NaN or an infinity from anywhere in the row to all of it.
    if (!std::isnan(values[row * log_probs.size(1)])) continue;
    throw Error(
        "[generate] logits are not finite, expected numbers: the model's weights are damaged, or they overflow in this "
        "dtype");
  }
  return log_probs;
}

Tensor sampling_probabilities(const Tensor& log_probs, const SamplingOptions& options, int64_t min_kept) {
  const double temperature = options.is_greedy() ? 1.0 : options.temperature;
  const Tensor tempered = at::softmax(log_probs / temperature, -1);  // [R, V]
  if (!options.top_k && !options.top_p) return tempered;
  const auto [descending, order] = at::sort(tempered, /*stable=*/true, /*dim=*/-1, /*descending=*/true);
  Tensor sorted = descending;
  const Tensor rank = at::arange(sorted.size(-1), order.options());
  const auto keep = [&](const Tensor& is_kept) {
    sorted = sorted * is_kept;
    sorted = sorted / sorted.sum(-1, /*keepdim=*/true);
  };
  if (options.top_k) keep(rank < *options.top_k);
  if (options.top_p) {  // a token is in while those before it have not reached p
    const Tensor before = sorted.cumsum(-1) - sorted;
    keep((before < *options.top_p).logical_or(rank < min_kept));
  }
  return at::zeros_like(tempered).scatter(-1, order, sorted);
}

Sampler::Sampler(const SamplingOptions& options, size_t row)
    : options_(options), random_(row_seed(options.seed, row)) {}

int64_t Sampler::operator()(const Tensor& log_probs) {
  if (options_.is_greedy()) return log_probs.argmax().item<int64_t>();
  const Tensor probs = sampling_probabilities(log_probs.unsqueeze(0), options_).squeeze(0).to(at::kDouble).contiguous();
  return static_cast<int64_t>(random_.choice({probs.const_data_ptr<double>(), static_cast<size_t>(probs.numel())}));
}

Tensor gumbel_with_maximum(const Tensor& phi, const Tensor& maximum, const Tensor& uniform) {
  const Tensor gumbel = phi - at::log(-at::log(uniform));  // [R, V]
  const Tensor v = maximum - gumbel + at::log1p(-at::exp(gumbel - gumbel.amax(-1, /*keepdim=*/true)));
  return maximum - v.clamp_min(0) - at::log1p(at::exp(-v.abs()));
}

}  // namespace molmo::generate
