// SPDX-License-Identifier: Apache-2.0
#include "config/hf_config.h"

#include <fmt/format.h>
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

// The error of a dense file (7B-O's) and of a mixture's (MolmoE's) with one more field: "dense | mixture".
std::string errors_with(const char* key, const Json& value) {
  std::string errors;
  for (const char* text : {kMolmo7bO, kMolmoe1b}) {
    Json hf = parse_json(text, "released");
    hf[key] = value;
    const std::string error = error_of([&] { from_hf_config(hf, "c"); });
    errors += (errors.empty() ? "" : " | ") +
              error.substr(error.find("field") == std::string::npos ? 0 : error.find("field"));
  }
  return errors;
}

std::string twice(const std::string& text) { return text + " | " + text; }

TEST(HfConfig, RopeParametersHoldTheBase) {
  const auto theta = [](const char* key, const Json& value, bool keeps_old_field = false) {
    Json hf = parse_json(kMolmo7bO, "o");
    if (!keeps_old_field) hf.erase("rope_theta");
    hf[key] = value;
    return from_hf_config(hf, "c").model.decoder.rope_theta;
  };
  EXPECT_EQ(theta("rope_parameters", {{"rope_type", "default"}, {"rope_theta", 250000.0}}), 250000.0);
  EXPECT_EQ(theta("rope_parameters", {{"rope_theta", 5e5}, {"partial_rotary_factor", 1.0}}, true), 5e5);
  EXPECT_EQ(theta("rope_parameters", {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 7.0}}}}), 7.0);
  EXPECT_EQ(theta("rope_scaling", nullptr, true), 5e5);
  EXPECT_EQ(theta("rope_scaling", {{"type", "default"}}, true), 5e5);
  EXPECT_EQ(errors_with("rope_parameters", {{"rope_theta", 8e3}}),
            "field 'rope_parameters.rope_theta': got 8000.0, expected 500000, as elsewhere in the file | "
            "field 'rope_parameters.rope_theta': got 8000.0, expected 10000, as elsewhere in the file");
}

TEST(HfConfig, ScaledRotaryPositionsAreRefused) {
  for (const char* type : {"yarn", "llama3", "linear", "dynamic", "longrope", "mrope"}) {
    for (const char* key : {"rope_parameters", "rope_scaling"}) {
      for (const char* name : {"rope_type", "type"})
        EXPECT_EQ(errors_with(key, {{name, type}, {"factor", 4.0}}),
                  twice(fmt::format("field '{}.{}': got \"{}\", expected \"default\"", key, name, type)));
    }
  }
  EXPECT_EQ(errors_with("rope_scaling", {{"factor", 2.0}}),
            twice("field 'rope_scaling.factor': got 2.0, expected 1 or 1.0"));
  EXPECT_EQ(errors_with("rope_parameters", {{"low_freq_factor", 1.0}}),
            twice("field 'rope_parameters.low_freq_factor': got 1.0, expected nothing: scaled rotary positions are not "
                  "computed here"));
  EXPECT_EQ(errors_with("rope_parameters", {{"sliding_attention", {{"partial_rotary_factor", 0.5}}}}),
            twice("field 'rope_parameters.sliding_attention.partial_rotary_factor': got 0.5, expected 1 or 1.0"));
  EXPECT_EQ(errors_with("rope_scaling", "yarn"), twice("field 'rope_scaling': got \"yarn\", expected an object"));
}

TEST(HfConfig, WhatWouldComputeSomethingElseIsRefusedByName) {
  const std::vector<std::pair<const char*, Json>> refused = {{"hidden_act", "gelu"},
                                                             {"attention_bias", true},
                                                             {"mlp_bias", true},
                                                             {"sliding_window", 4096},
                                                             {"use_sliding_window", true},
                                                             {"partial_rotary_factor", 0.5},
                                                             {"logit_scale", 0.0625},
                                                             {"logits_scaling", 8.0},
                                                             {"residual_multiplier", 0.2},
                                                             {"embedding_multiplier", 12},
                                                             {"final_logit_softcapping", 30.0},
                                                             {"attn_logit_softcapping", 50.0},
                                                             {"head_dim", 64},
                                                             {"norm_topk_prob", true},
                                                             {"qk_norm", true},
                                                             {"num_local_experts", 8},
                                                             {"shared_expert_intermediate_size", 512},
                                                             {"position_embedding_type", "alibi"},
                                                             {"layer_types", {"full_attention", "sliding_attention"}},
                                                             {"is_encoder_decoder", true}};
  for (const auto& [key, value] : refused) {
    const std::string errors = errors_with(key, value), start = fmt::format("field '{}': got ", key);
    EXPECT_TRUE(errors.starts_with(start)) << key << ": " << errors;
    EXPECT_NE(errors.find(" | " + start), std::string::npos) << key << ": " << errors;
  }
  const std::vector<std::pair<const char*, Json>> accepted = {
      {"hidden_act", "silu"},      {"attention_bias", false},
      {"sliding_window", nullptr}, {"layer_types", {"full_attention"}},
      {"head_dim", 128},           {"residual_multiplier", 1.0},
      {"max_window_layers", 28},   {"norm_topk_prob", false}};
  for (const auto& [key, value] : accepted) EXPECT_EQ(errors_with(key, value), twice("no error")) << key;
}

TEST(HfConfig, NamesOfOneSettingMayNotDisagree) {
  Json hf = parse_json(kMolmo7bO, "o");
  hf["tie_word_embeddings"] = true;
  EXPECT_EQ(error_of([&] { from_hf_config(hf, "c"); }),
            "[config] c: field 'tie_word_embeddings': got true, expected weight_tying = false");
  hf = parse_json(kMolmo7bO, "o");
  hf["rms_norm_eps"] = 1e-5;
  EXPECT_EQ(error_of([&] { from_hf_config(hf, "c"); }),
            "[config] c: field 'rms_norm_eps': got 1e-05, expected layer_norm_eps = 1e-06");
  hf.erase("layer_norm_eps");
  EXPECT_EQ(from_hf_config(hf, "c").model.decoder.norm_eps, 1e-5);
}

TEST(HfConfig, WiredInSettingsMayOnlyBeConfirmed) {
  Json hf = parse_json(kMolmo7bO, "o");
  hf["vit_layers"] = {-2, -9};
  hf["vision_backbone"] = {{"image_num_layers", 23}};
  hf["residual_dropout"] = 0.1;
  EXPECT_EQ(error_of([&] { from_hf_config(hf, "c"); }), "no error");
  hf["vit_layers"] = {-1, -9};
  hf["max_crops"] = 36;
  hf["vision_backbone"]["image_norm_eps"] = 1e-6;
  EXPECT_EQ(error_of([&] { from_hf_config(hf, "c"); }),
            "[config] c: says otherwise than what this format has wired in: model.vit.norm_eps: 1e-05 -> 1e-06; "
            "model.connector.vit_layers: [-2,-9] -> [-1,-9]; preprocess.max_crops: 12 -> 36");
}

TEST(HfConfig, QuantizedCopiesAreCalledSo) {
  Json hf = parse_json(kMolmoe1b, "e");
  hf["quantization_config"] = {{"quant_method", "gptq"}, {"bits", 4}};
  EXPECT_EQ(error_of([&] { from_hf_config(hf, "c"); }),
            "[config] c: a quantized copy ('quantization_config': \"gptq\"), expected weights in float32, float16 or "
            "bfloat16: load the original model");
}

TEST(HfConfig, UnknownFieldsAreListed) {
  std::vector<std::string> unknown;
  from_hf_config(parse_json(kMolmo7bO, "o"), "c", &unknown);
  EXPECT_EQ(unknown, std::vector<std::string>{});
  from_hf_config(parse_json(kMolmoe1b, "e"), "c", &unknown);
  EXPECT_EQ(unknown, std::vector<std::string>{});
  Json hf = parse_json(kMolmoe1b, "e");
  hf["frobnicate"] = 3;
  hf["vision_backbone"]["image_foo"] = true;
  hf["absent"] = nullptr;
  from_hf_config(hf, "c", &unknown);
  EXPECT_EQ(unknown, (std::vector<std::string>{"vision_backbone.image_foo", "frobnicate"}));
}

TEST(HfConfig, EndTokensMayBeAList) {
  Json hf = parse_json(kMolmo7bO, "o");
  hf["eos_token_id"] = {5, 100257};
  EXPECT_EQ(from_hf_config(hf, "c").tokenizer.eos_id, 100257);  // the one that the released model has
  hf["eos_token_id"] = {5, 6};
  EXPECT_EQ(from_hf_config(hf, "c").tokenizer.eos_id, 5);
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

TEST(HfConfig, ObstaclesOfAMixtureAreWhatItsFileCannotSay) {
  MolmoConfig molmo = preset("molmoe-1b");
  molmo.model.connector.hidden_width = 512;
  molmo.preprocess.normalize = NormalizeKind::kDino;
  EXPECT_EQ(hf_obstacles(molmo), (std::vector<std::string>{"model.connector.hidden_width: 1024 -> 512",
                                                           "preprocess.normalize: \"openai\" -> \"dino\""}));
}

TEST(NativeConfig, EndTokenIsKnownOrStated) {
  const std::string sizes =
      R"("d_model": 64, "n_heads": 2, "vocab_size": 507, "embedding_size": 512, "weight_tying": false)";
  const auto read = [&](const std::string& more) {
    return molmo_from_checkpoint_config(parse_json("{\"model\": {" + sizes + more + "}}", "y"), "c.yaml");
  };
  EXPECT_EQ(error_of([&] { read(""); }),
            "[config] c.yaml: field 'eos_token_id': got nothing, expected an id, as no released model has a vocab_size "
            "of 507");
  EXPECT_EQ(read(R"(, "eos_token_id": 2)").tokenizer.eos_id, 2);
  EXPECT_EQ(read(R"(, "tokenizer": {"identifier": "own", "eos_token_id": 3})").tokenizer.eos_id, 3);
  EXPECT_EQ(error_of([&] { read(R"(, "eos_token_id": 507)"); }),
            "[config] c.yaml: 'tokenizer.eos_id': got 507, expected below model.decoder.vocab_size = 507");
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
            "[config] c.yaml: field 'head_dim': got 32, expected the width of 768 over 12 heads, or null");
  EXPECT_EQ(error_of_native(R"("init_cutoff_factor": 0.0)"),
            "[config] c.yaml: 'decoder.init_cutoff': got 0.0, expected number >= 0.5");
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
