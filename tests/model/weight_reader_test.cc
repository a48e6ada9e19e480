// Names that wrappers and outer modules change, against the plain ones.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "model/molmo.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "support/error_of.h"
#include "support/paths.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

using Tensors = std::map<std::string, Tensor>;
using Rename = std::function<std::string(const std::string&)>;

class WeightNames : public ::testing::Test {
 protected:
  WeightNames() : saved_(molmo::testing::tiny_model_config()) { saved_.params().materialize(at::kCPU, 3); }

  // The model's weights under other names.
  Tensors renamed(const Rename& rename = [](const std::string& name) { return name; }) const {
    Tensors tensors;
    for (const Parameter& param : saved_.params().all()) tensors[rename(param.name)] = param.value;
    return tensors;
  }

  std::string error_with(const Tensors& tensors) {
    write_tensors(folder_ / "model.safetensors", tensors);
    Molmo loaded(saved_.config());
    return molmo::testing::error_of([&] { load_weights(loaded.params(), saved_.config(), folder_.path()); },
                                    folder_.path().parent_path().string());
  }

  // Read back into a model of other values.
  void expect_equal_after(const Rename& rename) {
    write_tensors(folder_ / "model.safetensors", renamed(rename));
    Molmo loaded(saved_.config());
    loaded.params().materialize(at::kCPU, 4);
    load_weights(loaded.params(), saved_.config(), folder_.path());
    for (const Parameter& param : saved_.params().all())
      EXPECT_TRUE(at::equal(param.value, loaded.params().find(param.name)->value)) << param.name;
  }

  molmo::testing::TemporaryFolder folder_;
  Molmo saved_;
};

TEST_F(WeightNames, WrappersOfShardedSavesAreLeftOut) {
  expect_equal_after([](std::string name) {
    name.erase(0, std::string("model.").size());
    const size_t dot = name.find('.');
    return "_fsdp_wrapped_module." + name.substr(0, dot + 1) + "_fsdp_wrapped_module." + name.substr(dot + 1);
  });
}

TEST_F(WeightNames, WrappersInFrontInsideAndNested) {
  for (const char* prefix :
       {"_orig_mod.", "module.", "module._orig_mod.", "_fsdp_wrapped_module.", "student.module.net."})
    expect_equal_after([&](const std::string& name) { return prefix + name; });
  expect_equal_after([](std::string name) {
    const size_t at = name.find("blocks.0.");
    return at == std::string::npos ? name : name.insert(at + 9, "_checkpoint_wrapped_module._orig_mod.");
  });
}

TEST_F(WeightNames, OneTensorUnderTwoNamesIsRefused) {
  Tensors tensors = renamed();
  tensors["module.model.transformer.ln_f.weight"] = at::zeros({32});
  const std::string error = error_with(tensors);
  EXPECT_TRUE(
      error.ends_with("tensors model.transformer.ln_f.weight and module.model.transformer.ln_f.weight are the "
                      "same one, model.transformer.ln_f.weight, expected one of them"))
      << error;
}

TEST_F(WeightNames, QuantizedCopiesAndAdaptersAreCalledSo) {
  for (const char* ending : {".absmax", ".quant_state.bitsandbytes__nf4", ".SCB", ".weight_scale_inv"}) {
    Tensors tensors = renamed();
    tensors[std::string("model.transformer.blocks.0.att_proj.weight") + ending] = at::zeros({2});
    EXPECT_NE(error_with(tensors).find(": a quantized copy (tensor model.transformer.blocks.0.att_proj.weight"),
              std::string::npos)
        << ending;
  }
  Tensors narrow = renamed();  // no name tells: the dtype does
  narrow["model.transformer.ln_f.weight"] = at::zeros({32}, at::kChar);
  EXPECT_TRUE(
      error_with(narrow).ends_with("a quantized copy (tensor model.transformer.ln_f.weight of I8), expected "
                                   "float32, float16 or bfloat16: load the original model"))
      << error_with(narrow);
  Tensors eighth = renamed();
  eighth["model.transformer.ln_f.weight"] = at::zeros({32}).to(at::kFloat8_e4m3fn);
  EXPECT_NE(error_with(eighth).find("of F8_E4M3"), std::string::npos);
  Tensors adapter = renamed();
  adapter["base_model.model.transformer.blocks.0.att_proj.lora_A.weight"] = at::zeros({2, 32});
  EXPECT_NE(error_with(adapter).find("holds an adapter"), std::string::npos);
}

TEST_F(WeightNames, ManyProblemsAreCut) {
  const std::string error = error_with({{"model.transformer.ln_f.weight", at::zeros({32})}});
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 6) << error;
  EXPECT_TRUE(error.ends_with(fmt::format("\n  and {} more", saved_.params().all().size() - 6))) << error;
}

TEST_F(WeightNames, BlocksInGroupsAreCountedThrough) {
  expect_equal_after([](std::string name) {
    name.erase(0, std::string("model.").size());
    constexpr std::string_view kBlocks = "transformer.blocks.";
    if (!name.starts_with(kBlocks)) return name;
    const int block = name[kBlocks.size()] - '0';
    return fmt::format("transformer.block_groups.{}.{}{}", block / 2, block % 2, name.substr(kBlocks.size() + 1));
  });
}

class LlmPart : public WeightNames {
 protected:
  Tensors tensors(const std::string& prefix) const {
    const config::DecoderConfig& decoder = saved_.config().decoder;
    Tensors tensors{{prefix + "embed_tokens.weight", at::full({decoder.embedding_size, decoder.width}, 0.5)},
                    {prefix + "norm.weight", at::full({decoder.width}, 2.0)}};
    const int64_t kv_width = decoder.width / decoder.num_heads * decoder.num_kv_heads;
    for (int64_t i = 0; i < decoder.num_layers; ++i) {
      const std::string block = fmt::format("{}layers.{}.", prefix, i);
      for (const auto& [name, rows] :
           std::map<std::string, int64_t>{{"q", decoder.width}, {"k", kv_width}, {"v", kv_width}}) {
        tensors[block + "self_attn." + name + "_proj.weight"] = at::ones({rows, decoder.width});
        tensors[block + "self_attn." + name + "_proj.bias"] = at::ones({rows});
      }
      tensors[block + "self_attn.o_proj.weight"] = at::ones({decoder.width, decoder.width});
      for (const char* name : {"up", "gate"})
        tensors[block + "mlp." + name + "_proj.weight"] = at::ones({decoder.ffn_width, decoder.width});
      tensors[block + "mlp.down_proj.weight"] = at::ones({decoder.width, decoder.ffn_width});
      for (const char* name : {"input", "post_attention"})
        tensors[block + name + "_layernorm.weight"] = at::ones({decoder.width});
    }
    tensors["lm_head.weight"] = at::full({decoder.embedding_size, decoder.width}, 0.25);
    return tensors;
  }
  std::string load(const Tensors& tensors, Molmo& into) {
    write_tensors(folder_ / "model.safetensors", tensors);
    return molmo::testing::error_of(
        [&] { names_ = load_weights_below(into.params(), saved_.config(), "model.transformer.", folder_.path()); },
        folder_.path().parent_path().string());
  }

  std::set<std::string> names_;
};

TEST_F(LlmPart, ComesWithAndWithoutItsOuterModule) {
  for (const std::string prefix : {"model.", ""}) {
    Molmo loaded(saved_.config());
    loaded.params().materialize(at::kCPU, 4);
    EXPECT_EQ(load(tensors(prefix), loaded), "no error");
    EXPECT_EQ(loaded.params().find("model.transformer.ln_f.weight")->value.min().item<float>(), 2.0f);
    EXPECT_TRUE(names_.contains("model.transformer.ln_f.weight"));
    EXPECT_FALSE(names_.contains("model.transformer.wte.new_embedding"));
  }
}

TEST_F(LlmPart, EveryTensorOfItsBlocksIsRead) {
  Molmo loaded(saved_.config());
  for (const char* extra : {"model.layers.0.self_attn.o_proj.bias", "model.layers.2.input_layernorm.weight",
                            "model.layers.1.pre_feedforward_layernorm.weight"}) {
    Tensors more = tensors("model.");
    more[extra] = at::ones({32});
    EXPECT_TRUE(load(more, loaded)
                    .ends_with(fmt::format("1 tensors do not fit the model configuration:\n  extra {} [32]", extra)))
        << load(more, loaded);
  }
  Tensors harmless = tensors("model.");
  harmless["model.layers.0.self_attn.rotary_emb.inv_freq"] = at::ones({4});
  EXPECT_EQ(load(harmless, loaded), "no error");
}

TEST_F(LlmPart, ItsConfigurationIsCompared) {
  Molmo loaded(saved_.config());
  const std::string sizes = R"({"model_type": "qwen2", "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "rope_theta": )";
  write_file_atomically(folder_ / "config.json", sizes + "10000.0}");
  EXPECT_EQ(load(tensors("model."), loaded), "no error");
  write_file_atomically(folder_ / "config.json", sizes + "500000.0}");
  EXPECT_NE(load(tensors("model."), loaded).find("rope_theta: got 500000, expected decoder.rope_theta = 10000"),
            std::string::npos);
}

}  // namespace
}  // namespace molmo::model
