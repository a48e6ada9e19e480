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

// About 190 MB in float32, of which the largest matrix has 16.
config::ModelConfig some_size(config::BlockKind block) {
  config::ModelConfig model = molmo::testing::tiny_model_config();
  config::DecoderConfig& d = model.decoder;
  d.width = 512, d.num_heads = 8, d.num_kv_heads = 8, d.ffn_width = 2048;
  d.vocab_size = d.embedding_size = 8192;
  d.num_layers = block == config::BlockKind::kMoe ? 3 : 9;
  if (block != config::BlockKind::kMoe) return model;
  d.block = block;
  d.num_experts = 8, d.experts_per_token = 2, d.ffn_width = 1024, d.qkv_bias = false, d.qk_norm = true;
  return model;
}

int64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != key + ":") continue;
    int64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes << 10;
  }
  return 0;
}

// Makes VmHWM begin anew.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

class WeightsMemory : public ::testing::TestWithParam<config::BlockKind> {};

TEST_P(WeightsMemory, IsTheModelAndItsLargestTensor) {
  const config::ModelConfig config = some_size(GetParam());
  const molmo::testing::TemporaryFolder folder;
  {
    Molmo saved(config);
    saved.params().materialize(at::kCPU, 1);
    std::map<std::string, Tensor> tensors;
    for (const Parameter& param : saved.params().all()) tensors[param.name] = param.value;
    write_tensors(folder / "model.safetensors", tensors);
  }
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Molmo loaded(config);
    forget_peak();
    const int64_t before = status_bytes("VmHWM");
    const tensor::MemoryMeter meter;
    load_weights(loaded.params(), config, folder.path(), place_params(at::kCPU, type));
    int64_t size = 0, largest = 0;
    for (const Parameter& param : loaded.params().all()) {
      EXPECT_EQ(param.value.scalar_type(), is_matrix_of_linear_map(param) ? type : at::kFloat) << param.name;
      size += static_cast<int64_t>(param.value.nbytes());
      largest = std::max(largest, param.value.numel() * 4);  // as the file has it
    }
    EXPECT_EQ(meter.live_bytes(), size);
    EXPECT_LE(meter.peak_bytes(), size + largest);
    // Mapped pages are let go: all of the file would be 190 MB more. The rest of the bound is for what the kernel and
    // the allocator round up.
    EXPECT_LE(status_bytes("VmHWM") - before, size + largest + 96 * kMiB);
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, WeightsMemory,
                         ::testing::Values(config::BlockKind::kSequential, config::BlockKind::kMoe));

}  // namespace
}  // namespace molmo::model
