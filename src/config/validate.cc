// SPDX-License-Identifier: Apache-2.0
#include "config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace molmo::config {
namespace {

constexpr int kNumImageTokens = 5;  // <im_start>, <im_end>, <im_patch>, <im_col>, <|image|>

// Collects broken rules of one struct; `prefix` is where the struct lies: "molmo.model.".
class Rules {
 public:
  Rules(std::string prefix, std::vector<std::string>& problems) : prefix_(std::move(prefix)), problems_(problems) {}

  template <class T>
  void expect(bool holds, std::string_view key, const T& got, std::string_view expected) {
    if (!holds) problems_.push_back(fmt::format("'{}{}': got {}, expected {}", prefix_, key, got, expected));
  }
  void expect_multiple(std::string_view key, int64_t value, std::string_view unit_name, int64_t unit) {
    expect(unit > 0 && value % unit == 0, key, value, fmt::format("a multiple of {} = {}", unit_name, unit));
  }
  void expect_same(std::string_view key, int64_t value, std::string_view other_name, int64_t other) {
    expect(value == other, key, value, fmt::format("{} = {}", other_name, other));
  }
  void expect_at_most(std::string_view key, int64_t value, std::string_view limit_name, int64_t limit) {
    expect(value <= limit, key, value, fmt::format("at most {} = {}", limit_name, limit));
  }

 private:
  std::string prefix_;
  std::vector<std::string>& problems_;
};

bool is_square(int number) {
  const int root = static_cast<int>(std::lround(std::sqrt(number)));
  return root * root == number;
}

void check_vit(const VitConfig& vit, Rules rules) {
  rules.expect_multiple("image_height", vit.image_height, "patch_size", vit.patch_size);
  rules.expect_multiple("image_width", vit.image_width, "patch_size", vit.patch_size);
  rules.expect_multiple("num_heads", vit.num_heads, "num_kv_heads", vit.num_kv_heads);
  const int stored = vit.num_positions - (vit.has_class_token() ? 1 : 0);
  const char* class_row = vit.has_class_token() ? " and a class row" : "";
  rules.expect(
      stored == vit.num_patches() || (stored > 0 && is_square(stored)), "num_positions", vit.num_positions,
      fmt::format("{} patches{} (or a square grid{}, which is resized)", vit.num_patches(), class_row, class_row));
}

void check_connector(const ConnectorConfig& c, const VitConfig& vit, Rules rules) {
  rules.expect(!c.vit_layers.empty(), "vit_layers", "[]", "at least one layer");
  for (const int layer : c.vit_layers) {
    rules.expect(layer >= -vit.num_layers && layer < vit.num_layers, "vit_layers", layer,
                 fmt::format("a layer from {} to {}", -vit.num_layers, vit.num_layers - 1));
  }
  const std::string window = fmt::format("{} x {}", c.pool_height, c.pool_width);
  if (c.pooling == PoolingKind::kNone) {
    rules.expect(window == "1 x 1", "pool_height, .pool_width", window, "1 x 1 with pooling 'none'");
  }
}

void check_experts(const DecoderConfig& d, Rules rules) {
  if (d.block == BlockKind::kMoe) {
    rules.expect(d.num_experts >= 1, "num_experts", d.num_experts, "at least 1 with block 'moe'");
    rules.expect(d.experts_per_token >= 1 && d.experts_per_token <= d.num_experts, "experts_per_token",
                 d.experts_per_token, fmt::format("from 1 to num_experts = {}", d.num_experts));
  } else {
    rules.expect(d.num_experts == 0, "num_experts", d.num_experts,
                 fmt::format("0 with block '{}'", enum_name(d.block)));
  }
}

void check_decoder(const DecoderConfig& d, Rules rules) {
  rules.expect_multiple("width", d.width, "num_heads", d.num_heads);
  rules.expect_multiple("num_heads", d.num_heads, "num_kv_heads", d.num_kv_heads);
  if (d.rope && d.width % d.num_heads == 0) {
    rules.expect(d.head_dim() % 2 == 0, "width", d.width, "an even width of the heads for rotary positions");
  }
  rules.expect(d.embedding_size >= d.vocab_size, "embedding_size", d.embedding_size,
               fmt::format("at least vocab_size = {}", d.vocab_size));
  rules.expect(!d.tied_head || d.additional_vocab_size == 0, "tied_head", d.tied_head,
               "false where additional_vocab_size > 0");
  rules.expect(!d.norm_bias || d.norm == NormKind::kLayerNorm, "norm_bias", d.norm_bias, "false with norm 'rms'");
  rules.expect(!d.direct_attention || d.block == BlockKind::kLlama, "direct_attention", d.direct_attention,
               "false without block 'llama'");
  rules.expect(!d.clip_qkv || *d.clip_qkv > 0, "clip_qkv", d.clip_qkv.value_or(0), "more than 0, or null");
  check_experts(d, rules);
}

void check_model(const ModelConfig& model, const std::string& prefix, std::vector<std::string>& problems) {
  check_vit(model.vit, Rules(prefix + "vit.", problems));
  check_connector(model.connector, model.vit, Rules(prefix + "connector.", problems));
  check_decoder(model.decoder, Rules(prefix + "decoder.", problems));
}

void check_overlap(const PreprocessConfig& p, Rules rules) {
  rules.expect_same("image_width", p.image_width, "image_height", p.image_height);
  for (const int margin : p.overlap_margins) {
    rules.expect(margin % p.pool_height == 0 && margin % p.pool_width == 0, "overlap_margins", margin,
                 fmt::format("a multiple of the pooling window, {} x {}", p.pool_height, p.pool_width));
  }
  const int64_t margins = int64_t{p.overlap_margins[0]} + p.overlap_margins[1];
  rules.expect(margins < p.patches_high(), "overlap_margins", margins,
               fmt::format("together less than the {} patches of a crop", p.patches_high()));
}

void check_preprocess(const PreprocessConfig& p, const ModelConfig& model, Rules rules) {
  const bool pads = model.connector.padding_embed != PaddingEmbedKind::kNone;
  rules.expect_same("image_height", p.image_height, "model.vit.image_height", model.vit.image_height);
  rules.expect_same("image_width", p.image_width, "model.vit.image_width", model.vit.image_width);
  rules.expect_same("patch_size", p.patch_size, "model.vit.patch_size", model.vit.patch_size);
  rules.expect_same("pool_height", p.pool_height, "model.connector.pool_height", model.connector.pool_height);
  rules.expect_same("pool_width", p.pool_width, "model.connector.pool_width", model.connector.pool_width);
  rules.expect(p.use_image_masks || !pads, "use_image_masks", p.use_image_masks,
               "true where model.connector.padding_embed is not 'none'");
  rules.expect(!p.byte_patches || rounds_to_bytes(p.resize), "byte_patches", p.byte_patches,
               fmt::format("false with resize '{}', which does not round to bytes", enum_name(p.resize)));
  if (p.crop_mode == CropMode::kOverlapAndResize) check_overlap(p, rules);
}

void check_tokenizer(const TokenizerConfig& t, const DecoderConfig& decoder, Rules rules) {
  rules.expect_same("pad_to", t.pad_to.value_or(decoder.vocab_size), "model.decoder.vocab_size", decoder.vocab_size);
  rules.expect(t.eos_id < decoder.vocab_size, "eos_id", t.eos_id,
               fmt::format("below model.decoder.vocab_size = {}", decoder.vocab_size));
  const int64_t bos = t.bos_id.value_or(t.eos_id);
  rules.expect(!t.bos_id || bos < decoder.vocab_size, "bos_id", bos,
               fmt::format("below model.decoder.vocab_size = {}", decoder.vocab_size));
}

void check_molmo(const MolmoConfig& molmo, const std::string& prefix, std::vector<std::string>& problems) {
  const DecoderConfig& d = molmo.model.decoder;
  Rules(prefix, problems)
      .expect(int64_t{d.embedding_size} + d.additional_vocab_size >= int64_t{d.vocab_size} + kNumImageTokens,
              "model.decoder.additional_vocab_size", d.additional_vocab_size,
              "room for the five image tokens after vocab_size");
  check_model(molmo.model, prefix + "model.", problems);
  check_preprocess(molmo.preprocess, molmo.model, Rules(prefix + "preprocess.", problems));
  check_tokenizer(molmo.tokenizer, molmo.model.decoder, Rules(prefix + "tokenizer.", problems));
}

void check_data(const DataConfig& data, Rules rules) {
  rules.expect(!data.datasets.empty(), "datasets", "{}", "at least one dataset");
  std::set<std::string> groups;
  for (const auto& [name, dataset] : data.datasets) {
    groups.insert(dataset.group);
    rules.expect(!dataset.path.empty(), "datasets." + name + ".path", "\"\"", "the folder of the dataset");
  }
  std::string known;
  for (const std::string& group : groups) known += (known.empty() ? "" : ", ") + group;
  double sum = groups.empty() ? 1 : 0;
  for (const std::string& group : groups) sum += data.group_rates.contains(group) ? data.group_rates.at(group) : 1;
  for (const auto& [group, rate] : data.group_rates) {
    rules.expect(groups.contains(group), "group_rates", group, "a group of the datasets: " + known);
  }
  rules.expect(sum > 0, "group_rates", sum, "a sum above 0");
}

void check_optimizer(const OptimizerConfig& optimizer, Rules rules) {
  const std::pair<const char*, const ComponentConfig*> components[] = {
      {"connector", &optimizer.connector}, {"vit", &optimizer.vit}, {"llm", &optimizer.llm}};
  bool trains = false;
  for (const auto& [name, component] : components) {
    trains = trains || component->train;
    for (const double beta : component->betas) {
      rules.expect(beta < 1, fmt::format("{}.betas", name), beta, "less than 1");
    }
  }
  rules.expect(trains, "connector.train, .vit.train, .llm.train", false, "a component that trains");
}

void check_keep_best(const TrainConfig& train, Rules rules) {
  if (!train.keep_best) return;
  const size_t dot = std::min(train.keep_best->find('.'), train.keep_best->size());
  const std::string name = train.keep_best->substr(0, dot), score = train.keep_best->substr(dot);
  const bool is_loss = score == ".cross_entropy" || score == ".z_loss" || score == ".accuracy";
  rules.expect(
      is_loss ? train.loss_evaluators.contains(name) : score.size() > 1 && train.evaluations.contains(name),
      "keep_best", *train.keep_best,
      "NAME.cross_entropy, .z_loss or .accuracy of one of loss_evaluators, or another score of one of evaluations");
}

}  // namespace

void validate(const ModelConfig& model, std::vector<std::string>& problems) { check_model(model, "", problems); }

void validate(const MolmoConfig& molmo, std::vector<std::string>& problems) { check_molmo(molmo, "", problems); }

void validate(const TrainConfig& train, std::vector<std::string>& problems) {
  Rules rules("", problems);
  if (!train.init_from) {
    check_molmo(train.molmo, "molmo.", problems);
    rules.expect_at_most("data.sequence_length", train.data.sequence_length, "molmo.model.decoder.max_positions",
                         train.molmo.model.decoder.max_positions);
  }
  rules.expect(!train.recompute.is_automatic || train.recompute.is_off(), "recompute.auto", true,
               "false beside recompute.decoder, .vit or .connector");
  rules.expect_multiple("global_batch_size", train.global_batch_size, "micro_batch_size", train.micro_batch_size);
  check_data(train.data, Rules("data.", problems));
  rules.expect(!train.data.packing.is_on() || train.stage != TrainStage::kTower, "data.packing.max_tokens",
               train.data.packing.max_tokens, "0 in stage 'tower', which has no rows of tokens");
  if (train.data.packing.is_on())
    rules.expect_at_most("data.sequence_length", train.data.sequence_length, "data.packing.max_tokens",
                         train.data.packing.max_tokens);
  check_optimizer(train.optimizer, Rules("optimizer.", problems));
  check_keep_best(train, rules);
}

}  // namespace molmo::config
