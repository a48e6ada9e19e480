// SPDX-License-Identifier: Apache-2.0
#include "generate/decode_bench.h"

#include <chrono>
#include <functional>
#include <limits>
#include <optional>

#include "generate/decode.h"
#include "generate/prefill.h"
#include "model/bench_shape.h"
#include "molmo/error.h"
#include "tensor/cpu/bandwidth.h"
#include "tensor/device.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"
#include "tensor/stopwatch.h"

namespace molmo::generate {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double best_of(const DecodeBenchOptions& options, const std::function<void()>& run) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < options.num_repeats; ++i) {
    tensor::Stopwatch watch(options.device);
    const size_t begin = watch.mark();
    run();
    best = std::min(best, watch.seconds(begin, watch.mark()));
  }
  return best;
}

model::ModelInputs make_prompt(const DecodeBenchOptions& options) {
  const config::VitConfig& vit = options.model.vit;
  const int64_t rows = options.num_rows, crops = options.num_crops,
                pooled = int64_t{options.model.pooled_height()} * options.model.pooled_width();
  if (crops > 0 && 1 + crops * pooled > options.num_prompt_tokens) {
    throw Error(
        fmt::format("[bench] {} crops make {} image tokens, got --prompt-tokens {}, expected at least {} "
                    "(or --crops {})",
                    crops, crops * pooled, options.num_prompt_tokens, 1 + crops * pooled,
                    (options.num_prompt_tokens - 1) / pooled));
  }
  const auto longs = at::TensorOptions().dtype(at::kLong).device(options.device);
  const auto floats = longs.dtype(at::kFloat);
  model::ModelInputs inputs;
  inputs.input_ids = at::randint(0, options.model.decoder.vocab_size, {rows, options.num_prompt_tokens}, longs);
  if (crops == 0) return inputs;
  inputs.patches = at::randn({rows * crops, vit.num_patches(), vit.patch_values()}, floats);
  inputs.image_masks = at::ones({rows * crops, vit.num_patches()}, floats);
  inputs.crop_rows = at::arange(rows, longs).repeat_interleave(crops);
  inputs.token_positions = at::arange(1, 1 + crops * pooled, longs).view({crops, pooled}).repeat({rows, 1});
  return inputs;
}

// The model on the device of the measurement: matrices in the dtype of products, as loading leaves them.
void make_weights(model::Molmo& molmo, const DecodeBenchOptions& options) {
  for (Parameter& param : molmo.params().all()) {
    const at::ScalarType type = param.role.kind == ParamKind::kMatrix ? options.compute : at::kFloat;
    param.value = at::empty(param.value.sizes(), at::TensorOptions().dtype(type).device(options.device));
  }
  model::draw_bench_values(molmo.params());
}

// What is read by a sum, which does nothing else.
double memory_bandwidth(const DecodeBenchOptions& options) {
  if (options.device.is_cpu()) return tensor::measure_memory_bandwidth();
  const Tensor values = at::ones({int64_t{1} << 29}, at::TensorOptions().dtype(at::kFloat).device(options.device));
  return static_cast<double>(values.nbytes()) / best_of(options, [&] { (void)values.sum(); });
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

// The most bytes of tensors in an answer, weights included. In a pass of its own: the meter of the CPU would slow down
// what is timed.
int64_t measure_peak(const model::Molmo& molmo, const DecodeBenchOptions& options, const DecodeOptions& decoding,
                     const model::ForwardOptions& forward) {
  const tensor::MemoryMeter meter;
  decode(molmo, make_prompt(options), decoding, forward);
  if (options.device.is_cuda()) return tensor::peak_device_bytes(options.device);
  int64_t num_bytes = meter.peak_bytes();
  for (const Parameter& param : molmo.params().all()) num_bytes += static_cast<int64_t>(param.value.nbytes());
  return num_bytes;
}

}  // namespace

DecodeSpeed measure_decode_speed(const DecodeBenchOptions& options) {
  const at::NoGradGuard no_grad;
  model::Molmo molmo(options.model);
  make_weights(molmo, options);
  model::ForwardOptions forward;
  forward.compute = options.compute;
  const DecodeOptions whole_answer{.max_new_tokens = options.num_new_tokens + 1};
  DecodeSpeed speed{.peak_bytes = measure_peak(molmo, options, whole_answer, forward)};
  const model::ModelInputs inputs = make_prompt(options);
  if (inputs.patches.defined())
    speed.encode_seconds = best_of(options, [&] { molmo.encode_images(inputs.patches, inputs.image_masks, forward); });
  const double prefill = best_of(options, [&] { run_prefill(molmo, inputs, {.max_new_tokens = 1}, forward); });
  double decoding = std::numeric_limits<double>::infinity();
  for (int i = 0; i < options.num_repeats; ++i)
    decoding = std::min(decoding, seconds_of_decoding(molmo, inputs, whole_answer, forward));
  speed.plan = model::plan_memory(options.model, molmo.params(),
                                  {.num_rows = options.num_rows,
                                   .num_crops = options.num_rows * options.num_crops,
                                   .num_prompt_tokens = options.num_prompt_tokens,
                                   .num_new_tokens = whole_answer.max_new_tokens,
                                   .compute = options.compute});
  const auto rows = static_cast<double>(options.num_rows), passes = static_cast<double>(options.num_new_tokens);
  speed.prefill_tokens_per_s = rows * static_cast<double>(options.num_prompt_tokens) / prefill;
  speed.decode_tokens_per_s = rows * passes / decoding;
  speed.weight_gb_per_s = passes / decoding * num_bytes_per_token(molmo) / 1e9;
  speed.memory_gb_per_s = memory_bandwidth(options) / 1e9;
  return speed;
}

}  // namespace molmo::generate
