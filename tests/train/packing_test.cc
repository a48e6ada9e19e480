// Packed rows against their examples one by one: the same loss and gradients, dropout included.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/tiny_config.h"
#include "preprocess/collate.h"
#include "preprocess/pack.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"
#include "train/step.h"

namespace molmo::train {
namespace {

preprocess::Example random_example(int64_t number, int64_t length, bool has_picture, bool has_branches) {
  const at::Generator generator = make_generator(static_cast<uint64_t>(number));
  const Tensor ids = at::randint(3, 60, {length}, generator, at::TensorOptions().dtype(at::kLong));
  preprocess::Example example;
  example.number = number;
  for (int64_t i = 0; i < length; ++i) {
    const bool is_second_branch = has_branches && i >= length - 4;
    example.input_tokens.push_back(has_picture && i >= 1 && i < 5 ? 66 : ids[i].item<int64_t>());
    example.target_tokens.push_back(ids[(i + 1) % length].item<int64_t>());
    example.loss_masks.push_back(i < 6 ? 0.0f : 0.5f + 0.1f * static_cast<float>(i % 3));
    example.position_ids.push_back(is_second_branch ? i - 2 : i);
    if (has_branches) example.subsegment_ids.push_back(i < 6 ? 10000 : is_second_branch ? 1 : 0);
  }
  if (!has_picture) return example;
  preprocess::ImageInputs image;
  image.num_crops = 1, image.num_patches = 16, image.patch_values = 12, image.num_cells = 4;
  const Tensor patches = at::randn({16 * 12}, generator);
  image.patches.assign(patches.const_data_ptr<float>(), patches.const_data_ptr<float>() + patches.numel());
  image.token_positions = {1, 2, 3, 4};
  example.images.push_back(image);
  return example;
}

MicroBatch batch_of(const std::vector<preprocess::Example>& rows) {
  const preprocess::Batch batch = preprocess::collate(rows, {.sequence_length = 64, .pad_to_max = false});
  MicroBatch made;
  made.inputs = model::make_inputs(batch, at::kCPU);
  made.targets = model::make_targets(batch, at::kCPU);
  return made;
}

TEST(Packing, GivesTheLossAndGradientsOfTheExamplesAlone) {
  const std::vector<preprocess::Example> examples = {
      random_example(1, 12, true, false), random_example(2, 15, true, true), random_example(3, 9, false, false)};
  model::Molmo molmo(testing::tiny_model_config());
  molmo.params().materialize(at::kCPU, 5);
  molmo.params().set_trained([](const Parameter&) { return true; });
  const TokenObjective objective(molmo, 1e-4);
  const auto gradients_of = [&](const std::vector<MicroBatch>& batches, double dropout, double& loss) {
    model::ForwardOptions forward;
    forward.dropout.residual = dropout;
    forward.dropout.embedding = dropout;
    forward.dropout.features = dropout;
    forward.dropout.seed = 9;
    loss = accumulate(objective, batches, forward).cross_entropy;
    std::vector<Tensor> gradients;
    for (Parameter& param : molmo.params().all()) {
      gradients.push_back(param.value.grad());
      param.value.mutable_grad() = Tensor();
    }
    return gradients;
  };
  for (const double dropout : {0.0, 0.2}) {
    std::vector<MicroBatch> alone;
    for (const preprocess::Example& example : examples) alone.push_back(batch_of({example}));
    double one_by_one = 0.0, padded = 0.0, packed = 0.0;
    const std::vector<Tensor> expected = gradients_of(alone, dropout, one_by_one);
    const std::vector<Tensor> together = gradients_of({batch_of(examples)}, dropout, padded);
    const std::vector<Tensor> in_a_row = gradients_of({batch_of({preprocess::pack(examples)})}, dropout, packed);
    EXPECT_NEAR(padded, one_by_one, 1e-5);
    EXPECT_NEAR(packed, one_by_one, 1e-5);
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!expected[i].defined()) continue;
      EXPECT_TRUE(together[i].allclose(expected[i], 1e-4, 1e-6)) << molmo.params().all()[i].name;
      EXPECT_TRUE(in_a_row[i].allclose(expected[i], 1e-4, 1e-6)) << molmo.params().all()[i].name;
    }
  }
}

}  // namespace
}  // namespace molmo::train
