// What loading takes: the model in its final dtype once, and what is on its way.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "model/molmo.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "support/paths.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// 64 MiB and more in float32, of which the largest matrix has 16.
config::ModelConfig some_size(config::BlockKind block) {
  config::ModelConfig model = molmo::testing::tiny_model_config();
  config::DecoderConfig& d = model.decoder;
  d.width = 512, d.num_heads = 8, d.num_kv_heads = 8, d.ffn_width = 2048;
  d.vocab_size = d.embedding_size = 8192;
  if (block != config::BlockKind::kMoe) return model;
  d.block = block;
  d.num_experts = 8, d.experts_per_token = 2, d.ffn_width = 1024, d.qkv_bias = false, d.qk_norm = true;
  return model;
}

// Bytes of `file`'s mapping that are in memory now.
int64_t resident_bytes(const std::filesystem::path& file) {
  std::ifstream maps("/proc/self/smaps");
  bool is_found = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.ends_with(file.string())) is_found = true;
    if (is_found && line.starts_with("Rss:")) return std::stoll(line.substr(4)) << 10;
  }
  return -1;
}

class WeightsMemory : public ::testing::TestWithParam<config::BlockKind> {};

TEST_P(WeightsMemory, IsTheModelAndItsLargestTensor) {
  const config::ModelConfig config = some_size(GetParam());
  const molmo::testing::TemporaryFolder folder;
  const std::filesystem::path file = folder / "model.safetensors";
  {
    Molmo saved(config);
    saved.params().materialize(at::kCPU, 1);
    std::map<std::string, Tensor> tensors;
    for (const Parameter& param : saved.params().all()) tensors[param.name] = param.value;
    write_tensors(file, tensors);
  }
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Molmo loaded(config);
    WeightSink sink = place_params(at::kCPU, type);
    int64_t most_resident = -1;
    sink.take = [&most_resident, &file, take = sink.take](Parameter& param, int64_t begin, const Tensor& values) {
      take(param, begin, values);
      most_resident = std::max(most_resident, resident_bytes(file));
    };
    const tensor::MemoryMeter meter;
    load_weights(loaded.params(), config, folder.path(), sink);
    int64_t size = 0, largest = 0;
    for (const Parameter& param : loaded.params().all()) {
      EXPECT_EQ(param.value.scalar_type(), param.role.kind == ParamKind::kMatrix ? type : at::kFloat) << param.name;
      size += static_cast<int64_t>(param.value.nbytes());
      largest = std::max(largest, param.value.numel() * 4);  // as the file has it
    }
    EXPECT_EQ(meter.live_bytes(), size);
    EXPECT_LE(meter.peak_bytes(), size + largest);
    // Mapped pages are let go: of the file, not more than one tensor stays and what the kernel maps around it.
    EXPECT_GE(most_resident, 0);
    EXPECT_LE(most_resident, largest + 4 * kMiB);
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, WeightsMemory,
                         ::testing::Values(config::BlockKind::kSequential, config::BlockKind::kMoe));

}  // namespace
}  // namespace molmo::model
