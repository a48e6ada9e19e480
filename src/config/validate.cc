// SPDX-License-Identifier: Apache-2.0
#include "config/validate.h"

#include <fmt/format.h>

namespace molmo::config {
namespace {

// Collects broken rules of one config, with a prefix for its keys.
class Rules {
 public:
  Rules(std::string prefix, std::vector<std::string>& problems) : prefix_(std::move(prefix)), problems_(problems) {}

  template <class T>
  void expect(bool holds, const char* key, const T& got, const std::string& expected) {
    if (!holds) problems_.push_back(fmt::format("'{}{}': got {}, expected {}", prefix_, key, got, expected));
  }
  void expect_multiple(const char* key, int64_t value, const char* unit_name, int64_t unit) {
    expect(unit > 0 && value % unit == 0, key, value, fmt::format("a multiple of {} = {}", unit_name, unit));
  }
  void expect_same(const char* key, int64_t value, const char* other_name, int64_t other) {
    expect(value == other, key, value, fmt::format("{} = {}", other_name, other));
  }

 private:
  std::string prefix_;
  std::vector<std::string>& problems_;
};

void check_vit(const VitConfig& vit, Rules& rules) {
  rules.expect_multiple("vit.image_height", vit.image_height, "patch_size", vit.patch_size);
  rules.expect_multiple("vit.image_width", vit.image_width, "patch_size", vit.patch_size);
  rules.expect_multiple("vit.num_heads", vit.num_heads, "num_kv_heads", vit.num_kv_heads);
}

void check_connector(const ModelConfig& model, Rules& rules) {
  const ConnectorConfig& c = model.connector;
  rules.expect(!c.vit_layers.empty(), "connector.vit_layers", "[]", "at least one layer");
  for (const int layer : c.vit_layers) {
    rules.expect(layer >= -model.vit.num_layers && layer < model.vit.num_layers, "connector.vit_layers", layer,
                 fmt::format("a layer from {} to {}", -model.vit.num_layers, model.vit.num_layers - 1));
  }
  if (c.pooling == PoolingKind::kNone) rules.expect(c.pool_height * c.pool_width == 1, "connector.pool_height", c.pool_height, "1 x 1 windows with pooling 'none'");
}

void check_decoder(const DecoderConfig& d, Rules& rules) {
  rules.expect_multiple("decoder.width", d.width, "num_heads", d.num_heads);
  rules.expect_multiple("decoder.num_heads", d.num_heads, "num_kv_heads", d.num_kv_heads);
  if (d.rope) rules.expect_multiple("decoder.width", d.width, "2 * num_heads", 2 * int64_t{d.num_heads});
  rules.expect(d.embedding_size >= d.vocab_size, "decoder.embedding_size", d.embedding_size, fmt::format("at least vocab_size = {}", d.vocab_size));
  rules.expect(d.embedding_size + d.additional_vocab_size >= d.vocab_size + 5, "decoder.additional_vocab_size", d.additional_vocab_size,
               "room for the five image tokens behind vocab_size");
  if (d.block == BlockKind::kMoe) {
    rules.expect(d.experts_per_token >= 1 && d.experts_per_token <= d.num_experts, "decoder.experts_per_token", d.experts_per_token,
                 fmt::format("from 1 to num_experts = {}", d.num_experts));
  }
}

void check_preprocess(const PreprocessConfig& p, const ModelConfig& model, Rules& rules) {
  rules.expect_same("preprocess.image_height", p.image_height, "model.vit.image_height", model.vit.image_height);
  rules.expect_same("preprocess.image_width", p.image_width, "model.vit.image_width", model.vit.image_width);
  rules.expect_same("preprocess.patch_size", p.patch_size, "model.vit.patch_size", model.vit.patch_size);
  rules.expect_same("preprocess.pool_height", p.pool_height, "model.connector.pool_height", model.connector.pool_height);
  rules.expect_same("preprocess.pool_width", p.pool_width, "model.connector.pool_width", model.connector.pool_width);
  if (p.crop_mode != CropMode::kOverlapAndResize) return;
  rules.expect_same("preprocess.image_width", p.image_width, "preprocess.image_height", p.image_height);
  for (const int margin : p.overlap_margins) {
    rules.expect(margin % p.pool_height == 0 && margin % p.pool_width == 0, "preprocess.overlap_margins", margin, "multiples of the pooling window");
  }
  const int window = p.patches_high() - p.overlap_margins[0] - p.overlap_margins[1];
  rules.expect(window > 0, "preprocess.overlap_margins", p.overlap_margins[0] + p.overlap_margins[1],
               fmt::format("less than the {} patches of a crop", p.patches_high()));
}

}  // namespace

void validate(const ModelConfig& model, std::vector<std::string>& problems) {
  Rules rules("", problems);
  check_vit(model.vit, rules);
  check_connector(model, rules);
  check_decoder(model.decoder, rules);
}

void validate(const MolmoConfig& molmo, std::vector<std::string>& problems) {
  Rules below("model.", problems);
  check_vit(molmo.model.vit, below);
  check_connector(molmo.model, below);
  check_decoder(molmo.model.decoder, below);
  Rules rules("", problems);
  check_preprocess(molmo.preprocess, molmo.model, rules);
}

void validate(const TrainConfig& train, std::vector<std::string>& problems) {
  if (!train.init_from) {
    std::vector<std::string> below;
    validate(train.molmo, below);
    for (const std::string& problem : below) problems.push_back("molmo: " + problem);
  }
  Rules rules("", problems);
  rules.expect_multiple("global_batch_size", train.global_batch_size, "micro_batch_size", train.micro_batch_size);
  rules.expect(!train.data.datasets.empty(), "data.datasets", "{}", "at least one dataset");
  for (const auto& [name, dataset] : train.data.datasets) {
    rules.expect(!dataset.path.empty(), "data.datasets", name, "a dataset with a 'path'");
  }
}

}  // namespace molmo::config
