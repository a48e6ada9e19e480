// SPDX-License-Identifier: Apache-2.0
#include "model/decoder.h"

#include "tensor/ops.h"
#include "tensor/shape.h"
#include "tensor/taps.h"

namespace molmo::model {

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
Tensor Decoder::enter(const Tensor& embeddings, const Tensor& positions, const nn::KvCache* cache,
                      const ForwardOptions& options) const {
  Tensor x = embeddings;
  if (positions_.defined()) {
    const bool continues = cache != nullptr && cache->longest() > 0;
    const Tensor slots = continues ? positions : at::arange(x.size(1), positions.options()).unsqueeze(0);
    x = x +
        run_unit(positions_unit_, slots, [this](const Tensor& in) { return at::embedding(positions_.value(), in); });
  }
  x = nn::drop(x, options.dropout.embedding, options.dropout.token_keys, nn::kEmbeddingSite);
  return config_.scale_embeddings ? x * std::sqrt(static_cast<double>(config_.width)) : x;
}

Tensor Decoder::operator()(const Tensor& embeddings, const Tensor& ids, const Tensor& positions,
                           const RowLayout& layout, nn::KvCache* cache, const ForwardOptions& options) const {
  expect_shape("decoder embeddings", embeddings, {ids.size(0), ids.size(1), config_.width});
  expect_shape("decoder positions", positions, {ids.size(0), ids.size(1)});
  tap("decoder.position_ids", positions);
  // PARITY: padding carries -1, which takes the table's last row (trap T17).
  const Tensor safe_positions = at::where(positions < 0, config_.max_positions - 1, positions);
  if (cache != nullptr) cache->begin_pass(ids);
  const auto context = std::make_shared<BlockContext>(BlockContext{
      .rope = {}, .attention = choose_attention(config_, ids, layout, cache, options), .options = options});
  if (config_.rope) {
    const nn::RopeTables rope = nn::rope_tables(safe_positions, config_.head_dim(), config_.rope_theta);  // [B, S, Dh]
    context->rope = {rope.sin.unsqueeze(1), rope.cos.unsqueeze(1)};
  }
  // Router losses and taps look at every token of the last block too.
  const bool keeps_in_block = options.kept.defined() && options.router_losses == nullptr && !taps_are_heard();
  Tensor x = enter(embeddings, safe_positions, cache, options);  // [B, S, D]
  tap("decoder.embeddings", x);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const DecoderBlock& block = blocks_[i];
    const Tensor kept = keeps_in_block && i + 1 == blocks_.size() ? options.kept : Tensor();
    const TensorList out = run_unit(block.unit(), TensorList{x}, [&block, context, kept](const TensorList& in) {
      return block(in[0], *context, kept);
    });
    x = out[0];  // [B, S, D]
    tap("decoder.block.", static_cast<int64_t>(i), "", x);
    if (options.router_losses != nullptr && out.size() == 3) options.router_losses->add(out[1], out[2]);
  }
  if (options.kept.defined() && !keeps_in_block) x = x.flatten(0, 1).index_select(0, options.kept);  // [M, D]
  if (cache != nullptr) cache->end_pass();
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
