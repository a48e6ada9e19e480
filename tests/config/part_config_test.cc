// SPDX-License-Identifier: Apache-2.0
#include "config/part_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/presets.h"
#include "support/error_of.h"

namespace molmo::config {
namespace {

using testing::error_of;

// As published.
constexpr const char* kQwen2 =
    R"({"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
  "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 3584, "initializer_range": 0.02, "intermediate_size": 18944,
  "max_position_embeddings": 131072, "max_window_layers": 28, "model_type": "qwen2", "num_attention_heads": 28,
  "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 131072,
  "tie_word_embeddings": false, "torch_dtype": "bfloat16", "use_sliding_window": false, "vocab_size": 152064})";
constexpr const char* kOlmoe = R"({"model_type": "olmoe", "clip_qkv": null, "hidden_act": "silu", "hidden_size": 2048,
  "intermediate_size": 1024, "norm_topk_prob": false, "num_attention_heads": 16, "num_experts": 64, "num_experts_per_tok": 8,
  "num_hidden_layers": 16, "num_key_value_heads": 16, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0})";
constexpr const char* kClip = R"({"model_type": "clip", "projection_dim": 768, "text_config": {"hidden_size": 768},
  "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
  "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768}})";
constexpr const char* kSiglip = R"({"model_type": "siglip", "text_config": {}, "vision_config": {"hidden_size": 1152,
  "image_size": 384, "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14}})";
constexpr const char* kDino = R"({"model_type": "dinov2", "hidden_act": "gelu", "hidden_size": 1024, "image_size": 518,
  "layer_norm_eps": 1e-06, "layerscale_value": 1.0, "mlp_ratio": 4, "num_attention_heads": 16, "num_hidden_layers": 24,
  "patch_size": 14, "qkv_bias": true, "use_swiglu_ffn": false})";

std::string decoder_error(const char* text, const char* name, const Json& changes = Json::object()) {
  Json hf = parse_json(text, "p");
  hf.update(changes);
  return error_of([&] { expect_decoder_part(hf, preset(name).model.decoder, "p"); });
}

std::string tower_error(const char* text, const char* name, const Json& changes = Json::object()) {
  Json hf = parse_json(text, "p");
  (hf.contains("vision_config") ? hf["vision_config"] : hf).update(changes);
  return error_of([&] { expect_tower_part(hf, preset(name).model.vit, "p"); });
}

TEST(PartConfig, PublishedPartsFitTheirPresets) {
  EXPECT_EQ(decoder_error(kQwen2, "molmo-7b-d"), "no error");
  EXPECT_EQ(decoder_error(kOlmoe, "molmoe-1b"), "no error");
  EXPECT_EQ(tower_error(kClip, "molmo-7b-d"), "no error");  // one block of 24 is left out
  EXPECT_EQ(tower_error(kClip, "qwen2-7b+metaclip-l"), "no error");
  EXPECT_EQ(tower_error(kSiglip, "qwen2-7b+siglip-so400m"), "no error");
  EXPECT_EQ(tower_error(kDino, "qwen2-7b+dinov2-l"), "no error");
}

TEST(PartConfig, WhatShapesDoNotSayIsCompared) {
  const std::string start = "[config] p: the part computes something else than the model that it is read into:\n  ";
  EXPECT_EQ(decoder_error(kQwen2, "molmo-7b-d", {{"rope_theta", 1e4}, {"rms_norm_eps", 1e-5}}),
            start +
                "rms_norm_eps: got 1e-05, expected decoder.norm_eps = 1e-06\n"
                "  rope_theta: got 10000, expected decoder.rope_theta = 1000000");
  EXPECT_EQ(decoder_error(kQwen2, "molmo-7b-d", {{"num_attention_heads", 56}, {"num_key_value_heads", 8}}),
            start +
                "num_attention_heads: got 56, expected decoder.num_heads = 28\n"
                "  num_key_value_heads: got 8, expected decoder.num_kv_heads = 4");
  EXPECT_EQ(decoder_error(kOlmoe, "molmoe-1b", {{"num_experts_per_tok", 2}}),
            start + "num_experts_per_tok: got 2, expected decoder.experts_per_token = 8");
  EXPECT_EQ(tower_error(kClip, "molmo-7b-d", {{"hidden_act", "gelu"}, {"num_attention_heads", 8}}),
            start +
                "hidden_act: got gelu, expected vit.activation = quick_gelu\n"
                "  num_attention_heads: got 8, expected vit.num_heads = 16");
  EXPECT_EQ(tower_error(kDino, "qwen2-7b+dinov2-l", {{"num_hidden_layers", 12}}),
            start + "num_hidden_layers: got 12, expected vit.num_layers = 24");
}

TEST(PartConfig, OtherArchitecturesAreRefusedByName) {
  EXPECT_EQ(decoder_error(kQwen2, "molmo-7b-d", {{"model_type", "gemma2"}}),
            "[config] p: field 'model_type': got \"gemma2\", expected one of qwen2, olmo2, olmo_1124, olmo1124, olmoe, "
            "llama, mistral");
  EXPECT_EQ(decoder_error(kQwen2, "molmo-7b-d", {{"use_sliding_window", true}}),
            "[config] p: field 'use_sliding_window': got true, expected false or 0 or 0.0 or []");
  EXPECT_EQ(decoder_error(kOlmoe, "molmoe-1b", {{"norm_topk_prob", true}}),
            "[config] p: field 'norm_topk_prob': got true, expected false or 0 or 0.0 or []");
  EXPECT_EQ(tower_error(kDino, "qwen2-7b+dinov2-l", {{"use_swiglu_ffn", true}}),
            "[config] p: field 'use_swiglu_ffn': got true, expected false");
  EXPECT_EQ(tower_error(kDino, "qwen2-7b+dinov2-l", {{"model_type", "dinov2_with_registers"}}),
            "[config] p: field 'model_type': got \"dinov2_with_registers\", expected one of clip, clip_vision_model, "
            "metaclip, siglip, siglip_vision_model, dinov2");
}

TEST(PartConfig, UnknownFieldsAreListed) {
  using Names = std::vector<std::string>;
  const MolmoConfig molmo = preset("molmo-7b-d");
  Json hf = parse_json(kQwen2, "p");
  EXPECT_EQ(expect_decoder_part(hf, molmo.model.decoder, "p"), Names{});
  hf["frob"] = 1;
  EXPECT_EQ(expect_decoder_part(hf, molmo.model.decoder, "p"), Names{"frob"});
  hf = parse_json(kClip, "p");
  EXPECT_EQ(expect_tower_part(hf, molmo.model.vit, "p"), Names{});
  hf["vision_config"]["frob"] = 1;
  EXPECT_EQ(expect_tower_part(hf, molmo.model.vit, "p"), Names{"vision_config.frob"});
  EXPECT_EQ(expect_tower_part(parse_json(kDino, "p"), preset("qwen2-7b+dinov2-l").model.vit, "p"), Names{});
}

TEST(PartConfig, MolmosAreComparedPartByPart) {
  const ModelConfig model = preset("molmo-7b-d").model;
  ModelConfig part = model;
  part.decoder.residual_dropout = 0.3;
  part.decoder.max_positions = 8192;
  part.decoder.rope_theta = 1e4;
  part.connector.pooling = PoolingKind::kAttention;
  EXPECT_EQ(part_differences(part, model, /*is_decoder=*/true),
            std::vector<std::string>{"decoder.rope_theta: 10000.0 -> 1000000.0"});
  EXPECT_EQ(part_differences(part, model, /*is_decoder=*/false),
            std::vector<std::string>{"connector.pooling: \"attention\" -> \"attention_meanq\""});
}

}  // namespace
}  // namespace molmo::config
