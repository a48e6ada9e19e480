// Names that wrappers and outer modules change, against the plain ones.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

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

  // The model's weights under other names, read back into a model of other values.
  void expect_equal_after(const Rename& rename) {
    Tensors tensors;
    for (const Parameter& param : saved_.params().all()) tensors[rename(param.name)] = param.value;
    write_tensors(folder_ / "model.safetensors", tensors);
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

TEST_F(WeightNames, BlocksInGroupsAreCountedThrough) {
  expect_equal_after([](std::string name) {
    name.erase(0, std::string("model.").size());
    constexpr std::string_view kBlocks = "transformer.blocks.";
    if (!name.starts_with(kBlocks)) return name;
    const int block = name[kBlocks.size()] - '0';
    return fmt::format("transformer.block_groups.{}.{}{}", block / 2, block % 2, name.substr(kBlocks.size() + 1));
  });
}

TEST_F(WeightNames, PartsComeWithAndWithoutTheirOuterModule) {
  const config::DecoderConfig& decoder = saved_.config().decoder;
  for (const std::string prefix : {"model.", ""}) {
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
    write_tensors(folder_ / "model.safetensors", tensors);
    Molmo loaded(saved_.config());
    loaded.params().materialize(at::kCPU, 4);
    load_weights_below(loaded.params(), saved_.config(), "model.transformer.", folder_.path());
    EXPECT_EQ(loaded.params().find("model.transformer.ln_f.weight")->value.min().item<float>(), 2.0f);
  }
}

}  // namespace
}  // namespace molmo::model
