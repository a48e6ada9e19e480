// SPDX-License-Identifier: Apache-2.0
#include "generate/decode_bench.h"

#include <chrono>
#include <functional>
#include <limits>
#include <optional>

#include "generate/decode.h"
#include "generate/prefill.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/cpu/bandwidth.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"

namespace molmo::generate {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double seconds_of(const std::function<void()>& run) {
  const auto start = Clock::now();
  run();
  return seconds_since(start);
}

double best_of(int repeats, const std::function<void()>& run) {
  double best = seconds_of(run);
  for (int i = 1; i < repeats; ++i) best = std::min(best, seconds_of(run));
  return best;
}

model::ModelInputs make_prompt(const DecodeBenchOptions& options) {
  const config::VitConfig& vit = options.model.vit;
  const int64_t crops = options.num_crops,
                pooled = int64_t{options.model.pooled_height()} * options.model.pooled_width();
  model::ModelInputs inputs;
  inputs.input_ids = at::randint(0, options.model.decoder.vocab_size, {1, options.num_prompt_tokens}, at::kLong);
  if (crops == 0) return inputs;
  inputs.patches = at::randn({crops, vit.num_patches(), vit.patch_values()});
  inputs.image_masks = at::ones({crops, vit.num_patches()});
  inputs.crop_rows = at::zeros({crops}, at::kLong);
  inputs.token_positions = at::arange(1, 1 + crops * pooled, at::kLong).view({crops, pooled});
  if (1 + crops * pooled > options.num_prompt_tokens) {
    throw Error(
        fmt::format("[bench] {} crops make {} image tokens, got --prompt-tokens {}, expected at least {} "
                    "(or --crops {})",
                    crops, crops * pooled, options.num_prompt_tokens, 1 + crops * pooled,
                    (options.num_prompt_tokens - 1) / pooled));
  }
  return inputs;
}

// From the first token of an answer to the last: prefill, which chooses the first, is no part of it.
double seconds_of_decoding(const model::Molmo& molmo, const model::ModelInputs& inputs, const DecodeOptions& options,
                           const model::ForwardOptions& forward) {
  std::optional<Clock::time_point> first;
  double seconds = 0;
  decode(molmo, inputs, options, forward, [&](size_t, int64_t) {
    if (first) {
      seconds = seconds_since(*first);
    } else {
      first = Clock::now();
    }
    return true;
  });
  return seconds;
}

// What a token reads of the decoder: all but single rows of its tables. A tied head reads the whole embedding.
double num_bytes_per_token(const model::Molmo& molmo) {
  double num_bytes = 0;
  for (const Parameter& param : molmo.params().all()) {
    const bool is_tied_head = param.role.place == ParamPlace::kEmbedding && molmo.config().decoder.tied_head;
    const bool is_read = param.role.component == Component::kLlm && param.role.kind != ParamKind::kTable;
    if (is_read || is_tied_head) num_bytes += static_cast<double>(param.value.nbytes());
  }
  return num_bytes;
}

}  // namespace

DecodeSpeed measure_decode_speed(const DecodeBenchOptions& options) {
  const at::NoGradGuard no_grad;
  model::Molmo molmo(options.model);
  molmo.params().materialize(at::kCPU, 1);
  if (options.compute != at::kFloat) model::round_matrices(molmo.params(), options.compute);
  model::ForwardOptions forward;
  forward.compute = options.compute;
  const DecodeOptions whole_answer{.max_new_tokens = options.num_new_tokens + 1};
  DecodeSpeed speed;
  model::ModelInputs inputs;
  {  // in a pass of its own: the meter would slow down what is timed
    const tensor::MemoryMeter meter;
    inputs = make_prompt(options);
    decode(molmo, inputs, whole_answer, forward);
    speed.peak_bytes = meter.peak_bytes();
  }
  for (const Parameter& param : molmo.params().all()) speed.peak_bytes += static_cast<int64_t>(param.value.nbytes());
  if (inputs.patches.defined())
    speed.encode_seconds =
        best_of(options.num_repeats, [&] { molmo.encode_images(inputs.patches, inputs.image_masks, forward); });
  const double prefill =
      best_of(options.num_repeats, [&] { run_prefill(molmo, inputs, {.max_new_tokens = 1}, forward); });
  double decoding = std::numeric_limits<double>::infinity();
  for (int i = 0; i < options.num_repeats; ++i)
    decoding = std::min(decoding, seconds_of_decoding(molmo, inputs, whole_answer, forward));
  speed.plan = model::plan_memory(options.model, molmo.params(),
                                  {.num_rows = 1,
                                   .num_crops = options.num_crops,
                                   .num_prompt_tokens = options.num_prompt_tokens,
                                   .num_new_tokens = whole_answer.max_new_tokens,
                                   .compute = options.compute});
  speed.prefill_tokens_per_s = static_cast<double>(options.num_prompt_tokens) / prefill;
  speed.decode_tokens_per_s = static_cast<double>(options.num_new_tokens) / decoding;
  speed.weight_gb_per_s = speed.decode_tokens_per_s * num_bytes_per_token(molmo) / 1e9;
  speed.memory_gb_per_s = tensor::measure_memory_bandwidth() / 1e9;
  return speed;
}

}  // namespace molmo::generate
