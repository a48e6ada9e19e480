// Values that change dtype on the way.
// SPDX-License-Identifier: Apache-2.0
#include "model/convert.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "formats/safetensors.h"
#include "formats/safetensors_header.h"
#include "model/molmo.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "support/error_of.h"
#include "support/paths.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

void write_untrained(const config::ModelConfig& config, const std::filesystem::path& folder) {
  Molmo molmo(config);
  molmo.params().materialize(at::kCPU, 3);
  std::map<std::string, Tensor> tensors;
  for (const Parameter& param : molmo.params().all()) tensors[param.name] = param.value;
  write_tensors(folder / "model.safetensors", tensors);
}

// Writes a tiny model of which one value is `value`, and converts it.
std::string convert_with(const std::string& param, float value, formats::DType dtype) {
  const molmo::testing::TemporaryFolder folder;
  Molmo molmo(molmo::testing::tiny_model_config());
  molmo.params().materialize(at::kCPU, 3);
  molmo.params().find(param)->value.view(-1)[1] = value;
  std::map<std::string, Tensor> tensors;
  for (const Parameter& each : molmo.params().all()) tensors[each.name] = each.value;
  write_tensors(folder / "model.safetensors", tensors);
  return molmo::testing::error_of(
      [&] { convert_weights(molmo.config(), {.from = folder.path(), .to = folder / "out", .dtype = dtype}); });
}

class Convert : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::kWarning); }  // not a line per shard
  void TearDown() override { set_log_level(LogLevel::kInfo); }
};

TEST_F(Convert, RefusesValuesThatOverflowTheNewDtype) {
  // One that is streamed in chunks, and one that other layouts cut.
  for (const std::string name : {"model.transformer.wte.embedding", "model.transformer.blocks.0.att_proj.weight"}) {
    const std::string error = convert_with(name, -70000.0f, formats::DType::kF16);
    EXPECT_NE(error.find("[convert] " + name + ": 1 values overflow F16"), std::string::npos) << error;
    EXPECT_NE(error.find("got magnitudes up to 70000, expected bf16 or fp32"), std::string::npos) << error;
    EXPECT_EQ(convert_with(name, -70000.0f, formats::DType::kBF16), "no error");
    EXPECT_EQ(convert_with(name, -65504.0f, formats::DType::kF16), "no error");
  }
}

// Every layout from every other one, cut into files or not: the next reader takes it, and every value is the same.
TEST_F(Convert, EveryLayoutIsReadAndWrittenBack) {
  for (const auto block : {config::BlockKind::kSequential, config::BlockKind::kMoe, config::BlockKind::kLlama}) {
    config::ModelConfig config = molmo::testing::tiny_model_config();
    config.decoder.block = block;
    if (block == config::BlockKind::kMoe) config.decoder.num_experts = 4, config.decoder.experts_per_token = 2;
    Molmo saved(config);
    saved.params().materialize(at::kCPU, 3);
    std::map<std::string, Tensor> tensors;
    for (const Parameter& each : saved.params().all()) tensors[each.name] = each.value;
    const molmo::testing::TemporaryFolder folder;
    write_tensors(folder / "model.safetensors", tensors);
    std::filesystem::path from = folder.path();
    int number = 0;
    for (const Layout layout : {Layout::kNative, released_layout(config), Layout::kNative, Layout::kMolmo}) {
      const auto to = folder / std::to_string(++number);
      convert_weights(
          config, {.from = from, .to = to, .layout = layout, .max_shard_bytes = number % 2 == 0 ? 5000u : 5000000u});
      Molmo loaded(config);
      load_weights(loaded.params(), config, to);
      for (const auto& [name, value] : tensors)
        EXPECT_TRUE(at::equal(value, loaded.params().find(name)->value)) << name << " after " << number;
      from = to;
    }
  }
}

// An index is for other programs: each tensor lies in the shard that it names.
TEST_F(Convert, TheIndexNamesTheShardOfEveryTensor) {
  const molmo::testing::TemporaryFolder folder;
  write_untrained(molmo::testing::tiny_model_config(), folder.path());
  convert_weights(molmo::testing::tiny_model_config(),
                  {.from = folder.path(), .to = folder / "out", .max_shard_bytes = 10000});
  size_t num_tensors = 0;
  std::set<std::filesystem::path> shards;
  for (const auto& [tensor, shard] : formats::parse_index(folder / "out" / "model.safetensors.index.json")) {
    EXPECT_NE(formats::SafetensorsFile(shard).find(tensor), nullptr) << tensor << " in " << shard;
    shards.insert(shard);
    ++num_tensors;
  }
  EXPECT_EQ(num_tensors, Molmo(molmo::testing::tiny_model_config()).params().all().size());
  EXPECT_GT(shards.size(), 3u);
}

// Large tensors go through in chunks, whatever is done to them.
TEST_F(Convert, TensorsOfSeveralChunksStayWhole) {
  config::ModelConfig config = molmo::testing::tiny_model_config();
  config.decoder.vocab_size = config.decoder.embedding_size = 560'000;  // 72 MB in float32, of chunks of 64 MiB
  const molmo::testing::TemporaryFolder folder;
  write_untrained(config, folder.path());
  convert_weights(config, {.from = folder.path(), .to = folder / "out", .dtype = formats::DType::kBF16});
  const auto before = read_tensors(folder / "model.safetensors"),
             after = read_tensors(folder / "out/model.safetensors");
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, value] : before) EXPECT_TRUE(after.at(name).equal(value.to(at::kBFloat16))) << name;
}

}  // namespace
}  // namespace molmo::model
