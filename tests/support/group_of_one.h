// Training in groups of one rank that are real ones: over NCCL with one GPU (back end, watchdog, streams, the end of
// the group), and over Gloo here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "base/listener.h"
#include "distributed/backend.h"
#include "model/bench_shape.h"
#include "tensor/ops.h"
#include "train/bench_run.h"
#include "train/groups.h"

namespace molmo::testing {

/// Losses of three steps of a small model, sharded over `shard`.
inline std::vector<double> losses_of_steps(const train::MicroBatch& batch, const config::ModelConfig& config,
                                           at::Device device, distributed::Communicator& everyone,
                                           distributed::Communicator& shard) {
  model::Molmo molmo(config);
  config::OptimizerConfig optimizer_config;
  train::mark_trained(molmo.params(), optimizer_config);
  distributed::ShardedParams sharded({&molmo.params()}, molmo.units(), {&shard, &shard, &everyone},
                                     {.master = at::TensorOptions().dtype(at::kFloat).device(device),
                                      .recomputes = [](const Unit& unit) { return unit.block.has_value(); }});
  double value = 0.0;
  for (Parameter& param : sharded.slices().all()) {  // the same in every run
    const at::NoGradGuard no_grad;
    const Tensor waves = at::arange(param.value.numel()).add(++value).sin().mul(0.05);
    param.value.copy_(param.role.kind == ParamKind::kNorm ? at::ones_like(waves) : waves);
  }
  train::AdamW optimizer(train::make_groups(sharded.slices(), optimizer_config), optimizer_config);
  const train::TokenObjective objective(molmo, 1e-4);
  std::vector<double> losses;
  for (int64_t step = 1; step <= 3; ++step) {
    losses.push_back(train::train_step(objective, optimizer, std::span(&batch, 1),
                                       {.step = step, .run_steps = 3, .forward = {}, .ranks = {&everyone, &sharded}})
                         .cross_entropy);
  }
  return losses;
}

inline void expect_training_in_a_group_of_one(at::Device device) {
  Listener listener = listen_on_loopback();
  const int port = listener.port();
  train::TrainBenchOptions options{.model = model::bench_shape("tiny", 2), .num_tokens = 200, .num_crops = 1};
  const train::MicroBatch batch = train::random_batch(options, options.num_tokens, device);
  const auto alone = distributed::connect({}, {});
  const std::vector<double> expected = losses_of_steps(batch, options.model, device, *alone, *alone);
  EXPECT_LT(expected[2], expected[0]);

  constexpr std::chrono::seconds kLimit{60};
  const auto everyone = distributed::connect_backend({.index = 0,
                                                      .count = 1,
                                                      .local_index = 0,
                                                      .local_count = 1,
                                                      .address = "127.0.0.1",
                                                      .port = port,
                                                      .listener = listener.release()},
                                                     {kLimit, kLimit}, {}, /*has_groups_of_one=*/true);
  const auto group = everyone->subgroup("direct", {0}, device);
  const Tensor shard = at::arange(4, at::TensorOptions().dtype(at::kFloat).device(device)),
               whole = at::empty_like(shard);
  group->all_gather(shard, whole, "a shard")->wait();
  EXPECT_TRUE(whole.cpu().equal(at::arange(4, at::kFloat)));
  group->all_reduce(whole, "a sum")->wait();
  const Tensor part = at::empty_like(shard);
  group->reduce_scatter(whole, part, "a part")->wait();
  EXPECT_TRUE(part.cpu().equal(at::arange(4, at::kFloat)));

  const std::vector<double> losses = losses_of_steps(batch, options.model, device, *everyone, *group);
  for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-5 * expected[i]) << "step " << i;
}

}  // namespace molmo::testing
