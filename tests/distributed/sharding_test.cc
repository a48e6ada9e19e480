// Sharded training against the same run in one process that holds the model whole: in float64, where 20 steps agree to
// 1e-9 whatever the ranks, the split into micro-batches, the recomputation and the sharding.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <mutex>

#include "distributed/sharded_params.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "support/poisoning_communicator.h"
#include "tensor/runtime.h"
#include "train/step.h"

namespace molmo::distributed {
namespace {

constexpr int64_t kRows = 5, kLength = 12, kSteps = 20;

struct Setting {
  std::string name;
  int ranks = 1;
  int64_t micro = 2;  // rows of a micro-batch
  int replicas = 1;
  int live_units = 3;
  bool recomputes = false, defers = true, freezes_tower = false, ties_head = false, is_mixture = false, packs = false;
  at::ScalarType compute = at::kDouble;
  double dropout = 0.0;
  std::set<int64_t> rows_with_pictures = {0, 1, 3};
};

config::ModelConfig model_config(const Setting& setting) {
  config::ModelConfig config = testing::tiny_model_config();
  config.connector.padding_embed = config::PaddingEmbedKind::kPadAndPartialPad;
  if (setting.ties_head)
    config.decoder.tied_head = true, config.decoder.additional_vocab_size = 0, config.decoder.embedding_size = 72;
  if (setting.is_mixture) {
    config.decoder.block = config::BlockKind::kMoe;
    config.decoder.num_experts = 4, config.decoder.experts_per_token = 2;
  }
  return config;
}

config::OptimizerConfig optimizer_config(const Setting& setting) {
  config::OptimizerConfig optimizer;
  for (config::ComponentConfig* component : {&optimizer.connector, &optimizer.vit, &optimizer.llm}) {
    component->learning_rate = 1e-3;
    component->warmup_steps = 2;
    component->weight_decay = 0.1;
    component->eps = 1e-3;  // far above the rounding noise of gradients that are zero
  }
  optimizer.vit.train = !setting.freezes_tower;
  optimizer.embedding = config::EmbeddingTraining::kAll;
  return optimizer;
}

// Rows of step `step`: some have a picture, their lengths and weights differ.
train::MicroBatch make_batch(const Setting& setting, int64_t step, const std::vector<int64_t>& rows) {
  const at::Generator generator = make_generator(static_cast<uint64_t>(step));
  const auto longs = at::TensorOptions().dtype(at::kLong);
  const Tensor ids = at::randint(3, 60, {kRows, kLength}, generator, longs);
  const Tensor patches = at::randn({kRows, 16, 12}, generator), masks = at::rand({kRows, 16}, generator);
  const Tensor weights = at::rand({kRows, kLength}, generator) * (at::arange(kLength) >= 5).to(at::kFloat);
  for (int64_t row = 0; row < kRows; ++row) ids[row].slice(0, kLength - row, kLength).fill_(-1);  // padding
  std::vector<int64_t> pictured, crop_rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!setting.rows_with_pictures.contains(rows[i])) continue;
    pictured.push_back(rows[i]);
    crop_rows.push_back(static_cast<int64_t>(i));
  }
  const Tensor chosen = at::tensor(rows, longs);
  train::MicroBatch batch;
  batch.inputs.input_ids = ids.index_select(0, chosen);
  const Tensor next = at::roll(ids, {-1}, {1});
  batch.targets = {next.index_select(0, chosen),
                   (weights * (ids != -1).logical_and(next != -1)).index_select(0, chosen)};
  batch.inputs.is_response = batch.targets.weights > 0;
  batch.inputs.token_streams = chosen.unsqueeze(1).expand({-1, kLength}).contiguous();
  if (pictured.empty()) return batch;
  const Tensor of_pictures = at::tensor(pictured, longs);
  batch.inputs.patches = patches.index_select(0, of_pictures);
  batch.inputs.image_masks = masks.index_select(0, of_pictures);
  batch.inputs.crop_rows = at::tensor(crop_rows, longs);
  batch.inputs.crop_streams = of_pictures + kRows;
  batch.inputs.token_positions =
      at::arange(1, 5, longs).unsqueeze(0).expand({static_cast<int64_t>(pictured.size()), 4}).contiguous();
  return batch;
}

// The rows one behind another and without their padding, as preprocess::pack has them.
train::MicroBatch in_one_row(train::MicroBatch batch) {
  model::ModelInputs& inputs = batch.inputs;
  const Tensor real = inputs.input_ids != -1;  // [B, S]
  const int64_t num_rows = real.size(0);
  inputs.position_ids = at::arange(kLength).expand({num_rows, kLength});
  inputs.subsegment_ids = at::arange(num_rows).unsqueeze(1).expand({num_rows, kLength});
  if (inputs.patches.defined()) {
    const Tensor lengths = real.sum(1), starts = lengths.cumsum(0) - lengths;
    inputs.token_positions = inputs.token_positions + starts.index_select(0, inputs.crop_rows).unsqueeze(1);
    inputs.crop_rows = at::zeros_like(inputs.crop_rows);
  }
  for (Tensor* values : {&inputs.position_ids, &inputs.subsegment_ids, &inputs.is_response, &inputs.token_streams,
                         &batch.targets.labels, &batch.targets.weights, &inputs.input_ids})
    *values = values->masked_select(real).unsqueeze(0);  // [1, T]
  return batch;
}

// The rank's micro-batches: as many as the rank with the most rows has.
std::vector<train::MicroBatch> rank_batches(const Setting& setting, const train::Objective& objective, int64_t step,
                                            int rank, int count) {
  std::vector<train::MicroBatch> batches;
  std::vector<int64_t> rows;
  for (int64_t row = rank; row < kRows; row += count) {
    rows.push_back(row);
    if (static_cast<int64_t>(rows.size()) < setting.micro && row + count < kRows) continue;
    train::MicroBatch batch = make_batch(setting, step, rows);
    batches.push_back(setting.packs ? in_one_row(std::move(batch)) : std::move(batch));
    rows.clear();
  }
  const int64_t most_rows = (kRows + count - 1) / count, most = (most_rows + setting.micro - 1) / setting.micro;
  while (static_cast<int64_t>(batches.size()) < most) batches.push_back(objective.nothing());
  return batches;
}

model::ForwardOptions forward_options(const Setting& setting, int64_t step) {
  model::ForwardOptions forward;
  forward.compute = setting.compute;
  forward.dropout.residual = forward.dropout.attention = forward.dropout.embedding = setting.dropout;
  forward.dropout.features = setting.dropout;
  forward.dropout.seed = static_cast<uint64_t>(step);
  return forward;
}

struct Curve {
  std::vector<double> losses, norms;
  std::map<std::string, Tensor> weights;
};

std::unique_ptr<model::Molmo> whole_model(const Setting& setting) {
  auto molmo = std::make_unique<model::Molmo>(model_config(setting));
  molmo->params().materialize(at::kCPU, 5);
  for (Parameter& param : molmo->params().all()) param.value = param.value.to(at::kDouble);
  return molmo;
}

void record(Curve& curve, const train::StepResult& result) {
  curve.losses.push_back(result.cross_entropy + result.z_loss);
  curve.norms.push_back(result.clip.total_norm);
}

Curve train_whole(const Setting& setting) {
  Curve curve;
  const auto molmo = whole_model(setting);
  train::mark_trained(molmo->params(), optimizer_config(setting));
  train::AdamW optimizer(train::make_groups(molmo->params(), optimizer_config(setting)), optimizer_config(setting));
  const train::TokenObjective objective(*molmo, 1e-4);
  for (int64_t step = 1; step <= kSteps; ++step) {
    record(curve,
           train_step(objective, optimizer, rank_batches(setting, objective, step, 0, 1),
                      {.step = step, .run_steps = kSteps, .forward = forward_options(setting, step), .ranks = {}}));
  }
  for (const Parameter& param : molmo->params().all()) curve.weights[param.name] = param.value.detach();
  return curve;
}

Curve train_sharded(const Setting& setting) {
  Curve curve;
  std::mutex mutex;
  testing::expect_sound_ranks(setting.ranks, [&](Communicator& everyone) {
    const int per_replica = setting.ranks / setting.replicas, replica = everyone.rank() / per_replica;
    std::vector<int> shard_ranks, replica_ranks;
    for (int i = 0; i < per_replica; ++i) shard_ranks.push_back(replica * per_replica + i);
    for (int i = 0; i < setting.replicas; ++i) replica_ranks.push_back(i * per_replica + everyone.rank() % per_replica);
    const auto shard = everyone.subgroup("shard", shard_ranks, at::kCPU),
               replicas = everyone.subgroup("replicas", replica_ranks, at::kCPU);

    model::Molmo molmo(model_config(setting));
    train::mark_trained(molmo.params(), optimizer_config(setting));
    ShardedParams sharded({&molmo.params()}, molmo.units(), {shard.get(), replicas.get()},
                          {.master = at::kDouble,
                           .compute = setting.compute,
                           .recomputes = [&](const Unit&) { return setting.recomputes; },
                           .most_live = setting.live_units,
                           .defers_reduction = setting.defers});
    const auto source = whole_model(setting);
    for (const Parameter& param : source->params().all()) sharded.store(param.name, param.value);
    train::AdamW optimizer(train::make_groups(sharded.slices(), optimizer_config(setting)), optimizer_config(setting));
    const train::TokenObjective objective(molmo, 1e-4);
    Curve own;
    for (int64_t step = 1; step <= kSteps; ++step) {
      const auto batches = rank_batches(setting, objective, step, everyone.rank(), everyone.size());
      record(own, train_step(objective, optimizer, batches,
                             {.step = step,
                              .run_steps = kSteps,
                              .forward = forward_options(setting, step),
                              .ranks = {&everyone, &sharded}}));
    }
    sharded.gather([&](const std::string& name, const Tensor& value) { own.weights[name] = value; });
    const std::lock_guard lock(mutex);
    if (everyone.rank() == 0) curve = std::move(own);
  });
  return curve;
}

void expect_same(const Curve& got, const Curve& expected, double tolerance) {
  for (size_t i = 0; i < expected.losses.size(); ++i) {
    ASSERT_NEAR(got.losses[i], expected.losses[i], tolerance * expected.losses[i]) << "loss of step " << i + 1;
    ASSERT_NEAR(got.norms[i], expected.norms[i], tolerance * (1 + expected.norms[i])) << "norm of step " << i + 1;
  }
  ASSERT_EQ(got.weights.size(), expected.weights.size());
  for (const auto& [name, weight] : expected.weights) {
    const double difference = (got.weights.at(name) - weight).abs().max().item<double>();
    EXPECT_LE(difference, tolerance * (1 + weight.abs().max().item<double>())) << name;
  }
}

class Sharding : public ::testing::TestWithParam<Setting> {};

TEST_P(Sharding, TrainsLikeOneProcess) {
  const Setting& setting = GetParam();
  Setting whole = setting;
  whole.micro = kRows, whole.packs = false;
  const double tolerance = setting.compute == at::kDouble ? 1e-9 : 2e-2;
  expect_same(train_sharded(setting), train_whole(whole), tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Settings, Sharding,
    ::testing::Values(Setting{.name = "OneRank", .ranks = 1}, Setting{.name = "TwoRanks", .ranks = 2},
                      Setting{.name = "ThreeRanksOneRowEach", .ranks = 3, .micro = 1},
                      Setting{.name = "FourRanksSomeIdle", .ranks = 4, .micro = 1},
                      Setting{.name = "WholeRows", .ranks = 2, .micro = 5},
                      Setting{.name = "OneRankRecomputes", .ranks = 1, .recomputes = true},
                      Setting{.name = "ThreeRanksRecompute", .ranks = 3, .micro = 1, .recomputes = true},
                      Setting{.name = "ReducesEveryMicroBatch", .ranks = 2, .micro = 1, .defers = false},
                      Setting{.name = "Hybrid", .ranks = 4, .micro = 1, .replicas = 2},
                      Setting{.name = "FrozenTower", .ranks = 3, .freezes_tower = true},
                      Setting{.name = "TiedHead", .ranks = 3, .recomputes = true, .ties_head = true},
                      Setting{.name = "TextOnly", .ranks = 2, .rows_with_pictures = {}},
                      Setting{.name = "OnePicture", .ranks = 4, .micro = 1, .rows_with_pictures = {2}},
                      Setting{.name = "OneLiveUnit", .ranks = 2, .live_units = 1},
                      Setting{.name = "Bfloat16", .ranks = 2, .recomputes = true, .compute = at::kBFloat16},
                      Setting{.name = "Dropout", .ranks = 3, .micro = 1, .recomputes = true, .dropout = 0.2},
                      Setting{.name = "Mixture", .ranks = 3, .micro = 1, .is_mixture = true},
                      Setting{.name = "Packed", .ranks = 1, .micro = 5, .packs = true},
                      Setting{.name = "PackedOnThreeRanks", .ranks = 3, .recomputes = true, .packs = true}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace molmo::distributed
