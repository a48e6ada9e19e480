// SPDX-License-Identifier: Apache-2.0
#include "model/memory_plan.h"

#include <algorithm>

#include "model/weights.h"
#include "tensor/device.h"

namespace molmo::model {
namespace {

constexpr int64_t kFloatBytes = 4;
constexpr int64_t kProductBytes = int64_t{1} << 20;  // in which a matrix product packs blocks of its operands

int64_t bytes_of(at::ScalarType type) { return static_cast<int64_t>(c10::elementSize(type)); }

// Sizes in bytes of what one part of the model holds at its worst moment. Residual streams, norms and features are
// float32; what matrix products give has the compute dtype.
class Activations {
 public:
  Activations(const config::ModelConfig& config, const MemoryRequest& request)
      : config_(config), request_(request), item_(bytes_of(request.compute)) {}

  int64_t largest() const {
    const int64_t prompt = inputs() + decoder();
    const int64_t pictures = has_pictures() ? inputs() + std::max(tower(), connector()) : 0;
    return std::max({pictures, prompt, head()}) + kProductBytes;
  }

 private:
  bool has_pictures() const { return request_.num_crops > 0; }
  int64_t num_patches() const { return request_.num_crops * config_.vit.num_patches(); }
  int64_t num_tokens() const { return request_.num_rows * request_.num_prompt_tokens; }

  // Pixels as floats and masks, which stay until the prompt is through, and the embedded tokens.
  int64_t inputs() const {
    return num_patches() * (config_.vit.patch_values() + 1) * kFloatBytes +
           num_tokens() * config_.decoder.width * kFloatBytes;
  }

  int64_t tower() const {
    const config::VitConfig& vit = config_.vit;
    const int64_t tokens = request_.num_crops * (vit.num_patches() + (vit.has_class_token() ? 1 : 0));
    const int64_t stream = tokens * vit.width * kFloatBytes;
    const auto num_kept = static_cast<int64_t>(config_.connector.vit_layers.size());
    // Kept outputs, the block's input, its middle and its normed middle; both sides of the activation, and what
    // QuickGELU's operators hold between them where it has no kernel; the result.
    const bool has_operators = vit.activation == config::Activation::kQuickGelu && request_.compute != at::kFloat;
    const int64_t num_hidden = has_operators ? 4 : 2;
    const int64_t feed_forward = tokens * (num_hidden * vit.mlp_width + vit.width) * item_;
    const int64_t attention = tokens * (3 * int64_t{vit.num_heads} * vit.head_dim + 2 * vit.width) * item_;
    return (num_kept + 2) * stream + std::max(feed_forward, attention);
  }

  int64_t connector() const {
    const config::ConnectorConfig& connector = config_.connector;
    const int64_t features =
        num_patches() * static_cast<int64_t>(connector.vit_layers.size()) * config_.vit.width * kFloatBytes;
    const int64_t num_pooled = request_.num_crops * config_.pooled_height() * config_.pooled_width();
    const int64_t heads = num_patches() * 2 * int64_t{config_.vit.num_heads} * config_.vit.head_dim * item_;
    // Features as they came, with their padding embeddings, and cut into windows; keys and values of all windows. Of
    // the projector: gate and up and their product.
    const int64_t pooling = 3 * features + heads;
    const int64_t projector = features + num_pooled * 3 * connector.hidden_width * item_;
    return std::max(pooling, projector);
  }

  int64_t decoder() const {
    const config::DecoderConfig& decoder = config_.decoder;
    const int64_t stream = num_tokens() * decoder.width * kFloatBytes;
    const int64_t hidden =
        decoder.ffn_width * (decoder.block == config::BlockKind::kMoe ? decoder.experts_per_token : 1);
    // The block's input, its middle and its normed middle; gate and up, their product, and the result.
    const int64_t feed_forward = num_tokens() * (3 * hidden + decoder.width) * item_;
    const int64_t heads = 2 * decoder.width + 2 * int64_t{decoder.num_kv_heads} * decoder.head_dim();
    const int64_t repeated = decoder.num_kv_heads == decoder.num_heads ? 0 : 2 * decoder.width;
    const int64_t attention = num_tokens() * (heads + repeated + decoder.width) * item_;
    return 3 * stream + std::max(feed_forward, attention);
  }

  // The last token's logits, as they come, in float32, and as log-probabilities.
  int64_t head() const {
    return request_.num_rows * int64_t{config_.decoder.embedding_size} * (item_ + 2 * kFloatBytes);
  }

  const config::ModelConfig& config_;
  const MemoryRequest& request_;
  int64_t item_;
};

int64_t cache_bytes(const config::DecoderConfig& decoder, const MemoryRequest& request) {
  const int64_t slots = request.num_rows * (request.num_prompt_tokens + request.num_new_tokens);
  return slots * decoder.num_layers * 2 * decoder.num_kv_heads * decoder.head_dim() * bytes_of(request.compute);
}

}  // namespace

MemoryPlan plan_memory(const config::ModelConfig& config, const ParamSet& params, const MemoryRequest& request) {
  MemoryPlan plan;
  for (const Parameter& param : params.all()) {
    plan.weights +=
        param.value.numel() * bytes_of(param.role.kind == ParamKind::kMatrix ? request.compute : at::kFloat);
  }
  plan.cache = cache_bytes(config.decoder, request);
  plan.activations = Activations(config, request).largest();
  return plan;
}

}  // namespace molmo::model
