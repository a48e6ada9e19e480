// SPDX-License-Identifier: Apache-2.0
#include "config/hf_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/load.h"
#include "config/native_config.h"
#include "config/presets.h"
#include "support/error_of.h"

namespace molmo::config {
namespace {

using testing::error_of;

// As released, spec/model.md §4.3.
constexpr const char* kMolmo7bO = R"({
  "architectures": ["MolmoForCausalLM"], "model_type": "molmo", "torch_dtype": "float32", "transformers_version": "4.43.3",
  "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": null,
  "vocab_size": 100278, "embedding_size": 100352, "layer_norm_eps": 1e-6, "layer_norm_type": "rms", "max_position_embeddings": 4096,
  "rope_theta": 500000.0, "qkv_bias": false, "attention_layer_norm": true, "norm_after": true, "clip_qkv": null, "weight_tying": false,
  "tie_word_embeddings": false, "use_position_ids": true, "use_cache": true, "initializer_range": 0.02})";

constexpr const char* kMolmoe1b = R"({
  "architectures": ["OLMoForCausalLM"], "model_type": "molmo", "d_model": 2048, "n_heads": 16, "n_kv_heads": null, "n_layers": 16,
  "mlp_ratio": 1, "mlp_hidden_size": null, "activation_type": "swiglu", "block_type": "moe", "moe_num_experts": 64, "moe_top_k": 8,
  "moe_dropless": true, "moe_mlp_impl": "sparse", "moe_loss_weight": 0.0, "moe_zloss_weight": 0.0, "attention_layer_norm": true,
  "norm_after": false, "layer_norm_type": "rms", "layer_norm_eps": 1e-5, "rope": true, "rope_theta": 10000.0, "rope_impl": "llama",
  "include_bias": false, "max_sequence_length": 4096, "max_position_embeddings": 32768, "vocab_size": 50280, "embedding_size": 50304,
  "additional_vocab_size": 128, "weight_tying": false, "attention_dropout": 0.0, "residual_dropout": 0.1, "embedding_dropout": 0.0,
  "init_cutoff_factor": 3.0, "pad_tokenizer": false, "pad_token_id": 1, "image_pooling_2d": "attention-meanq", "image_projector": "mlp",
  "image_padding_embed": "pad_and_partial_pad", "vit_layers": [-2, -9], "crop_mode": "overlap-and-resize-c2", "max_crops": 12,
  "overlap_margins": [4, 4], "system_prompt_kind": "demo_or_style", "message_formatting": "role", "prompt_type": "uber_model",
  "multi_annotation_weighting": "root_subsegments",
  "vision_backbone": {"image_model_type": "openai", "image_num_layers": 23, "image_mlp_activations": "quick_gelu"}})";

std::string error_of_native(const std::string& fields) {
  const Json native = parse_json("{" + fields + "}", "native");
  return error_of([&] { model_from_native(native, "c.yaml"); });
}

TEST(HfConfig, ReleasedFilesAreThePresets) {
  MolmoConfig dense = preset("molmo-7b-o");
  dense.model.decoder.init_cutoff.reset();  // the file does not say it
  EXPECT_EQ(diff(dense, from_hf_config(parse_json(kMolmo7bO, "o"), "config.json")), std::vector<std::string>{});
  EXPECT_EQ(diff(preset("molmoe-1b"), from_hf_config(parse_json(kMolmoe1b, "e"), "config.json")),
            std::vector<std::string>{"model.decoder.residual_dropout: 0.0 -> 0.1"});
}

TEST(HfConfig, ErrorsNameFileAndField) {
  const auto error_with = [](const char* key, const Json& value) {
    Json hf = parse_json(kMolmo7bO, "o");
    hf[key] = value;
    return error_of([&] { from_hf_config(hf, "config.json"); });
  };
  EXPECT_EQ(error_with("model_type", "molmo2"),
            "[config] config.json: field 'model_type': got \"molmo2\", expected \"molmo\"");
  EXPECT_EQ(error_with("hidden_size", nullptr),
            "[config] config.json: field 'hidden_size': got nothing, expected a value");
  EXPECT_EQ(error_with("hidden_size", "4096"),
            "[config] config.json: field 'hidden_size': got \"4096\", expected an integer");
  EXPECT_EQ(error_with("intermediate_size", 11),
            "[config] config.json: field 'intermediate_size': got 11, expected an even width, of [up; gate] together");
  EXPECT_EQ(error_with("num_attention_heads", 0),
            "[config] config.json: 'model.decoder.num_heads': got 0, expected integer from 1 to 4096\n"
            "[config] config.json: 'model.decoder.num_kv_heads': got 0, expected integer from 1 to 4096");
  EXPECT_EQ(error_with("vocab_size", 1000),
            "[config] config.json: field 'eos_token_id': got nothing, expected an id, as no released model has this "
            "vocab_size");
  EXPECT_EQ(error_of([] { from_hf_config(parse_json("[]", "x"), "config.json"); }),
            "[config] config.json: got [], expected an object");
}

TEST(HfConfig, ObstaclesAreWhatTheFormatHasWiredIn) {
  EXPECT_EQ(hf_obstacles(preset("molmo-72b")), std::vector<std::string>{});
  MolmoConfig molmo = preset("molmo-7b-d");
  molmo.model.decoder.residual_dropout = 0.1;  // training only
  EXPECT_TRUE(to_hf_config(molmo).has_value());
  molmo.model.connector.vit_layers = {-1, -3};
  molmo.preprocess.max_crops = 36;
  EXPECT_EQ(hf_obstacles(molmo), (std::vector<std::string>{"model.connector.vit_layers: [-2,-9] -> [-1,-3]",
                                                           "preprocess.max_crops: 12 -> 36"}));
  EXPECT_FALSE(to_hf_config(molmo).has_value());
}

TEST(NativeConfig, AbsentFieldsTakeClassDefaults) {
  const ModelConfig model = model_from_native(parse_json(R"({"d_model": 128, "n_heads": 2})", "native"), "debug");
  EXPECT_EQ(model.decoder.ffn_width, 256);  // mlp_ratio 4, fused
  EXPECT_EQ(model.connector.hidden_width, 256);
  EXPECT_EQ(model.decoder.norm, NormKind::kLayerNorm);
  EXPECT_TRUE(model.decoder.linear_bias && model.decoder.qkv_bias && model.decoder.norm_bias &&
              model.decoder.tied_head);
  EXPECT_FALSE(model.decoder.rope);
  EXPECT_EQ(model.connector.vit_layers, std::vector<int>{-1});
  EXPECT_EQ(model.connector.pooling, PoolingKind::kAttention);
  EXPECT_EQ(model.connector.padding_embed, PaddingEmbedKind::kNone);
}

TEST(NativeConfig, LegacyFieldsAreToleratedWhileOff) {
  EXPECT_EQ(
      error_of_native(
          R"("flash_attention": true, "query_pre_attn_scalar": 144, "alibi": false, "rope_impl": "llama", "attn_logit_softcapping": null,
                               "image_padding_mask": false, "fix_image_input_idx": 2, "gin_bindings": "", "unconditioned": 0, "bos_token_id": 3)"),
      "no error");
  EXPECT_EQ(error_of_native(R"("alibi": true)"),
            "[config] c.yaml: field 'alibi': got true, expected false or 0 or 0.0 or \"\" or []");
  EXPECT_EQ(error_of_native(R"("rope_impl": "interleave")"),
            "[config] c.yaml: field 'rope_impl': got \"interleave\", expected \"llama\"");
  EXPECT_EQ(error_of_native(R"("final_logit_softcapping": 30.0)"),
            "[config] c.yaml: field 'final_logit_softcapping': got 30.0, expected null");
}

TEST(NativeConfig, UnknownValuesAreErrors) {
  EXPECT_EQ(error_of_native(R"("image_pooling_2d": "attention_2wide")"),
            "[config] c.yaml: field 'image_pooling_2d': got \"attention_2wide\", expected one of attention_meanq, "
            "attention, stack, none, attention-meanq");
  EXPECT_EQ(error_of_native(R"("activation_type": "gelu")"),
            "[config] c.yaml: field 'activation_type': got \"gelu\", expected \"swiglu\" or \"llama_swiglu\"");
  EXPECT_EQ(error_of_native(R"("head_dim": 32)"),
            "[config] c.yaml: field 'head_dim': got 32, expected d_model / n_heads, or null");
  EXPECT_EQ(error_of_native(R"("vision_backbone": 3)"),
            "[config] c.yaml: field 'vision_backbone': got 3, expected an object");
  EXPECT_EQ(error_of_native(R"("vision_backbone": {"image_patch_size": 0})"),
            "[config] c.yaml: 'vit.patch_size': got 0, expected integer from 1 to 1024");
  EXPECT_EQ(error_of_native(R"("mlp_ratio": 1e300)"),
            "[config] c.yaml: field 'mlp_ratio': got 1e+300, expected a small positive number");
  EXPECT_EQ(error_of_native(R"("vit_layers": [-1, 2.5])"),
            "[config] c.yaml: field 'vit_layers': got [-1,2.5], expected a list of integers");
}

}  // namespace
}  // namespace molmo::config
