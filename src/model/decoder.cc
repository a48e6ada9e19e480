// SPDX-License-Identifier: Apache-2.0
#include "model/decoder.h"

#include <limits>

#include "base/check.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/shape.h"
#include "tensor/taps.h"

namespace molmo::model {
namespace {

// PARITY: masked scores get the lowest finite float32, so that fully masked rows stay finite.
constexpr float kMasked = std::numeric_limits<float>::lowest();

Tensor causal(int64_t size, const at::Device& device) {
  const Tensor index = at::arange(size, at::TensorOptions().dtype(at::kLong).device(device));
  return index.unsqueeze(0) <= index.unsqueeze(1);  // [S, S]: key <= query
}

Tensor bias_from(const Tensor& allowed) {
  return at::zeros(allowed.sizes(), allowed.options().dtype(at::kFloat)).masked_fill_(allowed.logical_not(), kMasked);
}

// A GPU is not asked what its tokens are: it would have to finish first.
bool may_hold_padding(const Tensor& ids, const PackedRows& packed) {
  if (packed.sequences != nullptr) return packed.sequences->is_padding.defined();
  return !ids.is_cpu() || (ids == -1).any().item<bool>();
}

}  // namespace

Decoder::Decoder(const config::DecoderConfig& config, ParamScope scope) : config_(config) {
  const ParamScope tables = scope.at(ParamPlace::kEmbedding);
  if (config.additional_vocab_size > 0) {
    embedding_ = tables.add("wte.embedding", {config.embedding_size, config.width},
                            Init::normal(config.embedding_init_std), ParamKind::kTable);
    // New tokens are those of pictures: they train with the connector.
    new_embedding_ = scope.of(Component::kConnector)
                         .add("wte.new_embedding", {config.additional_vocab_size, config.width}, Init::normal(0.02),
                              ParamKind::kTable);
  } else {
    const double scale = config.scale_logits ? 0.5 * std::sqrt(static_cast<double>(config.width)) : 1.0;
    embedding_ =
        tables.add("wte.weight", {config.embedding_size, config.width}, linear_init(config, scale), ParamKind::kTable);
  }
  embedding_unit_ = Unit(scope / "wte");
  if (!config.rope) {
    positions_ = scope.decaying().add("wpe.weight", {config.max_positions, config.width}, linear_init(config),
                                      ParamKind::kTable);  // PARITY: the tower's positions do not decay
    positions_unit_ = Unit(scope / "wpe");
  }
  for (int i = 0; i < config.num_layers; ++i) blocks_.emplace_back(config, i, scope / "blocks" / std::to_string(i));
  final_norm_ =
      nn::Norm(config.norm, config.width, config.norm_bias, config.norm_eps, scope.at(ParamPlace::kFinalNorm) / "ln_f");
  norm_unit_ = Unit(scope / "ln_f");
  if (config.tied_head) {
    head_unit_ = embedding_unit_;
  } else {
    head_ = nn::Linear(config.width, config.embedding_size, config.linear_bias, linear_init(config),
                       scope.at(ParamPlace::kHead) / "ff_out");
    head_unit_ = Unit(scope / "ff_out");
  }
}

Tensor Decoder::embed(const Tensor& ids) const {
  return run_unit(embedding_unit_, ids, [this](const Tensor& in) {
    const Tensor safe = in.clamp_min(0);
    if (!new_embedding_.defined()) return at::embedding(embedding_.value(), safe);
    // One lookup per table instead of a concatenation of both (trap T35): same values, same gradients.
    const Tensor is_new = safe >= config_.embedding_size;
    const Tensor base = at::embedding(embedding_.value(), at::where(is_new, 0, safe));
    const Tensor fresh = at::embedding(new_embedding_.value(), at::where(is_new, safe - config_.embedding_size, 0));
    return at::where(is_new.unsqueeze(-1), fresh, base);  // [B, S, D]
  });
}

// PARITY: learned positions count the slots of a row. DEVIATION: with a cache they count real tokens, so that a padded
// row goes on as it would alone.
Tensor Decoder::enter(const Tensor& embeddings, const Tensor& positions, const KvCache* cache,
                      const ForwardOptions& options) const {
  Tensor x = embeddings;
  if (positions_.defined()) {
    const bool continues = cache != nullptr && cache->length() > 0;
    const Tensor slots = continues ? positions : at::arange(x.size(1), positions.options()).unsqueeze(0);
    x = x +
        run_unit(positions_unit_, slots, [this](const Tensor& in) { return at::embedding(positions_.value(), in); });
  }
  x = nn::drop(x, options.dropout.embedding, options.dropout.token_keys, nn::kEmbeddingSite);
  return config_.scale_embeddings ? x * std::sqrt(static_cast<double>(config_.width)) : x;
}

nn::AttentionMask Decoder::attention_mask(const Tensor& ids, const PackedRows& packed, const KvCache* cache,
                                          const ForwardOptions& options) const {
  const Tensor& subsegments = packed.segments;
  // Right padding comes after every real query, so plain causality is enough, unless someone looks at padded positions.
  const bool sees_padding = taps_are_heard() || (options.router_losses != nullptr && may_hold_padding(ids, packed));
  if (cache != nullptr && cache->length() > 0) {  // every earlier token that is real, and the new ones causally
    MOLMO_CHECK(!subsegments.defined(), "packed rows have no cache");
    const int64_t rows = ids.size(0), length = ids.size(1);
    const Tensor past =
        cache->valid().slice(1, 0, cache->length()).unsqueeze(1).expand({rows, length, cache->length()});
    const Tensor fresh = causal(length, ids.device()).unsqueeze(0).logical_and((ids != -1).unsqueeze(1));  // [B, S, S]
    return {.is_causal = false, .bias = bias_from(at::concat({past, fresh}, 2).unsqueeze(1))};  // [B, 1, S, Sk]
  }
  if (!subsegments.defined() && !sees_padding) return {.is_causal = true};
  const bool keeps_probabilities = options.dropout.attention > 0 || config_.direct_attention;
  if (!sees_padding && !keeps_probabilities) {
    if (tensor::has_packed_attention(ids.device(), options.compute))
      return {.segments = at::where(ids == -1, -1, subsegments)};
    if (packed.sequences != nullptr && tensor::has_flash_kernel(ids.device(), options.compute, config_.head_dim()))
      return {.sequences = packed.sequences};
  }
  const Tensor real = ids != -1;                                                                   // [B, S]
  Tensor allowed = causal(ids.size(1), ids.device()).unsqueeze(0).logical_and(real.unsqueeze(1));  // [B, S, S]
  if (subsegments.defined()) {
    const Tensor visible = subsegments.unsqueeze(2) <= subsegments.unsqueeze(1);  // query's id <= key's id (trap T18)
    allowed = allowed.logical_and(visible).logical_and(real.unsqueeze(2));
  }
  const Tensor bias = bias_from(allowed.unsqueeze(1));  // [B, 1, S, S]
  tap("decoder.attention_bias", bias);
  return {.bias = bias};
}

Tensor Decoder::operator()(const Tensor& embeddings, const Tensor& ids, const Tensor& positions,
                           const PackedRows& packed, KvCache* cache, const ForwardOptions& options) const {
  expect_shape("decoder embeddings", embeddings, {ids.size(0), ids.size(1), config_.width});
  expect_shape("decoder positions", positions, {ids.size(0), ids.size(1)});
  tap("decoder.position_ids", positions);
  // PARITY: padding carries -1, which takes the table's last row (trap T17).
  const Tensor safe_positions = at::where(positions < 0, config_.max_positions - 1, positions);
  auto context = std::make_shared<BlockContext>(BlockContext{
      .rope = {}, .mask = attention_mask(ids, packed, cache, options), .cache = cache, .options = options});
  if (config_.rope) {
    const nn::RopeTables rope = nn::rope_tables(safe_positions, config_.head_dim(), config_.rope_theta);  // [B, S, Dh]
    context->rope = {rope.sin.unsqueeze(1), rope.cos.unsqueeze(1)};
  }
  // Router losses and taps look at every token of the last block too.
  const bool keeps_in_block = options.kept.defined() && options.router_losses == nullptr && !taps_are_heard();
  auto last_context = std::make_shared<BlockContext>(*context);
  if (keeps_in_block) last_context->kept = options.kept;
  Tensor x = enter(embeddings, safe_positions, cache, options);  // [B, S, D]
  tap("decoder.embeddings", x);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const DecoderBlock& block = blocks_[i];
    const auto& shared = i + 1 < blocks_.size() ? context : last_context;
    const TensorList out =
        run_unit(block.unit(), TensorList{x}, [&block, shared](const TensorList& in) { return block(in[0], *shared); });
    x = out[0];  // [B, S, D]
    tap("decoder.block.", static_cast<int64_t>(i), "", x);
    if (options.router_losses != nullptr && out.size() == 3) options.router_losses->add(out[1], out[2]);
  }
  if (options.kept.defined() && !keeps_in_block) x = x.flatten(0, 1).index_select(0, options.kept);  // [M, D]
  if (cache != nullptr) cache->advance(ids != -1);
  x = run_unit(norm_unit_, x, [this](const Tensor& h) { return final_norm_(h); });
  tap("decoder.final_norm", x);
  return x;
}

Tensor Decoder::head(const Tensor& hidden, at::ScalarType compute) const {
  return run_unit(head_unit_, hidden, [this, compute](const Tensor& h) {
    const Tensor logits = config_.tied_head ? nn::linear(h, embedding_.value(), Tensor(), compute) : head_(h, compute);
    return config_.scale_logits ? logits / logit_divisor() : logits;
  });
}

double Decoder::logit_divisor() const {
  return config_.scale_logits ? std::sqrt(static_cast<double>(config_.width)) : 1.0;
}

tensor::CrossEntropySums Decoder::head_loss(const Tensor& hidden, const Tensor& labels, const Tensor& weights,
                                            const tensor::CrossEntropyOptions& options) const {
  const TensorList sums = run_unit(head_unit_, {hidden, labels, weights}, [this, options](const TensorList& in) {
    const Tensor bias = !config_.tied_head && head_.bias().defined() ? head_.bias().value() : Tensor();
    const tensor::Head head{.weight = config_.tied_head ? embedding_.value() : head_.weight().value(),
                            .bias = bias,
                            .logit_divisor = logit_divisor()};
    const tensor::CrossEntropySums made = tensor::linear_cross_entropy(in[0], head, in[1], in[2], options);
    return TensorList{made.loss, made.cross_entropy, made.z_loss, made.accuracy};
  });
  return {.loss = sums[0], .cross_entropy = sums[1], .z_loss = sums[2], .accuracy = sums[3]};
}

std::vector<Unit> Decoder::units() const {
  std::vector<Unit> units{embedding_unit_};
  if (positions_.defined()) units.push_back(positions_unit_);
  for (const DecoderBlock& block : blocks_) units.push_back(block.unit());
  units.push_back(norm_unit_);
  if (!config_.tied_head) units.push_back(head_unit_);
  return units;
}

Tensor derive_positions(const Tensor& ids) { return ((ids != -1).to(at::kLong).cumsum(1) - 1).clamp_min(0); }

}  // namespace molmo::model
