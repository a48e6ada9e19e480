// The plan of memory against what LibTorch's allocator counts.
// SPDX-License-Identifier: Apache-2.0
#include "model/memory_plan.h"

#include <gtest/gtest.h>

#include "model/molmo.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "tensor/memory_meter.h"
#include "tensor/ops.h"

namespace molmo::model {
namespace {

// What one prompt takes beside the weights, over what the plan says.
double measured_over_planned(const config::ModelConfig& config, const MemoryRequest& request) {
  const at::NoGradGuard no_grad;
  Molmo molmo(config);
  molmo.params().materialize(at::kCPU, 1);
  if (request.compute != at::kFloat) round_matrices(molmo.params(), request.compute);
  ForwardOptions forward;
  forward.compute = request.compute;
  const int64_t pooled = int64_t{config.pooled_height()} * config.pooled_width();
  const tensor::MemoryMeter meter;
  {
    ModelInputs inputs;
    inputs.input_ids = at::full({request.num_rows, request.num_prompt_tokens}, 5, at::kLong);
    if (request.num_crops > 0) {
      inputs.patches = at::zeros({request.num_crops, config.vit.num_patches(), config.vit.patch_values()});
      inputs.image_masks = at::ones({request.num_crops, config.vit.num_patches()});
      inputs.crop_rows = at::zeros({request.num_crops}, at::kLong);
      inputs.token_positions =
          at::arange(1, 1 + request.num_crops * pooled, at::kLong).view({request.num_crops, pooled});
    }
    nn::KvCache cache(config.decoder, request.num_rows, request.num_prompt_tokens + request.num_new_tokens,
                      at::TensorOptions().dtype(request.compute));
    const Tensor hidden = molmo.hidden_states(inputs, &cache, forward);
    const Tensor logits = molmo.logits(hidden.select(1, -1), forward);
    EXPECT_EQ(at::log_softmax(logits.to(at::kFloat), -1).size(0), request.num_rows);
  }
  EXPECT_LT(meter.live_bytes(), 1 << 16);
  const MemoryPlan plan = plan_memory(config, molmo.params(), request);
  return static_cast<double>(meter.peak_bytes()) / static_cast<double>(plan.cache + plan.activations);
}

TEST(MemoryPlan, FitsTheAllocator) {
  config::ModelConfig wide = molmo::testing::tiny_model_config();
  wide.decoder.width = 256, wide.decoder.ffn_width = 768, wide.decoder.num_heads = 8, wide.decoder.num_kv_heads = 2,
  wide.decoder.max_positions = 4096;
  config::ModelConfig seeing = wide;
  seeing.vit.image_height = seeing.vit.image_width = 32, seeing.vit.num_positions = 257, seeing.vit.width = 128,
  seeing.vit.head_dim = 64, seeing.vit.mlp_width = 512;
  config::ModelConfig projecting = seeing;
  projecting.connector.hidden_width = 4096;
  struct Case {
    const char* name;
    config::ModelConfig config;
    MemoryRequest request;
  };
  for (const Case& c :
       {Case{"decoder", wide, {.num_rows = 2, .num_crops = 0, .num_prompt_tokens = 400, .num_new_tokens = 20}},
        Case{"tower", seeing, {.num_rows = 1, .num_crops = 12, .num_prompt_tokens = 800, .num_new_tokens = 20}},
        Case{"connector", projecting, {.num_rows = 1, .num_crops = 12, .num_prompt_tokens = 800, .num_new_tokens = 20}},
        Case{"cache", wide, {.num_rows = 2, .num_crops = 0, .num_prompt_tokens = 40, .num_new_tokens = 2000}}}) {
    const double ratio = measured_over_planned(c.config, c.request);
    EXPECT_GT(ratio, 0.8) << c.name;
    EXPECT_LT(ratio, 1.1) << c.name;
  }
}

}  // namespace
}  // namespace molmo::model
