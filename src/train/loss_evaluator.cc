// SPDX-License-Identifier: Apache-2.0
#include "train/loss_evaluator.h"

#include <algorithm>

#include "base/stop_signals.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

config::DataConfig data_of(const std::string& name, const config::TrainConfig& recipe) {
  const config::LossEvaluatorConfig& evaluator = recipe.loss_evaluators.at(name);
  config::DataConfig data = recipe.data;
  data.datasets = {{name, {.path = evaluator.path, .split = evaluator.split, .annotations = evaluator.annotations}}};
  data.group_rates.clear();
  data.packing = {};
  data.crop_cache_bytes = 0;
  data.shuffle = false;
  return data;
}

int64_t count_batches(const std::string& name, const config::TrainConfig& recipe, int64_t num_records, int num_ranks) {
  const int64_t batch_size = int64_t{recipe.micro_batch_size} * num_ranks;
  const int64_t available = std::min(num_records, recipe.loss_evaluators.at(name).max_examples);
  if (available >= batch_size) return available / batch_size;
  throw Error(
      fmt::format("[train] loss evaluator '{}': {} examples, expected at least the {} of a micro-batch on each "
                  "of {} ranks",
                  name, available, batch_size, num_ranks));
}

// Waits for the next batch; the ranks agree on whether all have one, and whether any was asked to stop.
data::LoadedBatch next_batch(data::Loader& loader, distributed::Communicator* everyone) {
  constexpr std::chrono::milliseconds kPoll{100};
  data::LoadedBatch loaded;
  std::string failure;
  try {
    while (!loader.wait(kPoll) && !StopSignals::has_come()) {
    }
    if (!StopSignals::has_come()) loaded = loader.next();
  } catch (const Error& error) {
    failure = error.what();
  }
  std::array<double, 2> sums{failure.empty() ? 0.0 : 1.0, StopSignals::has_come() ? 1.0 : 0.0};
  if (everyone != nullptr) everyone->sum(sums, "whether the held-out batch is there");
  if (sums[1] > 0) throw Interruption();
  if (sums[0] > 0) throw Error(failure.empty() ? "[train] another rank has no batch" : failure);
  return loaded;
}

}  // namespace

void check_loss_evaluators(const config::TrainConfig& recipe, int num_ranks) {
  for (const auto& [name, evaluator] : recipe.loss_evaluators) {
    const auto datasets = data::load_datasets(data_of(name, recipe), recipe.stage);
    count_batches(name, recipe, static_cast<int64_t>(datasets.front().records.size()), num_ranks);
  }
}

EvaluatedLoss evaluate_loss(const std::string& name, const config::TrainConfig& recipe,
                            const text::MolmoTokenizer& tokenizer, const Objective& objective, at::ScalarType compute,
                            const Ranks& ranks, at::Device device) {
  const int num_ranks = ranks.everyone == nullptr ? 1 : ranks.everyone->size();
  const int64_t batch_size = int64_t{recipe.micro_batch_size} * num_ranks;
  data::Loader loader(data_of(name, recipe), recipe.molmo, tokenizer,
                      {.stage = recipe.stage,
                       .global_batch_size = batch_size,
                       .micro_batch_size = recipe.micro_batch_size,
                       .start_example = 0,
                       .rank = ranks.everyone == nullptr ? 0 : ranks.everyone->rank(),
                       .world_size = num_ranks});
  const int64_t num_batches = count_batches(name, recipe, loader.sources().front().num_records, num_ranks);
  const at::NoGradGuard no_grad;
  std::optional<ScopedUnitRunner> sharded;
  if (ranks.sharded != nullptr) sharded.emplace(*ranks.sharded);
  model::ForwardOptions forward;
  forward.compute = compute;
  std::array<double, 5> sums{};  // weight, cross-entropy, z-loss, accuracy, examples
  for (int64_t i = 0; i < num_batches; ++i) {
    const data::LoadedBatch loaded = next_batch(loader, ranks.everyone);
    if (sharded) ranks.sharded->begin_pass(/*is_last=*/false);
    MicroBatch batch = loaded.num_examples == 0 ? objective.nothing()
                                                : MicroBatch{.inputs = model::make_inputs(loaded.batch, device),
                                                             .targets = model::make_targets(loaded.batch, device),
                                                             .cell_labels = {}};
    // Instead of agreeing on which batches have pictures every rank runs the tower, if need be on padding.
    if (!batch.inputs.patches.defined()) objective.add_padding_crop(batch);
    const LossSums losses = objective.losses(batch, forward);
    const double values[] = {objective.weight_sum(batch), losses.cross_entropy.item<double>(),
                             losses.z_loss.item<double>(), losses.accuracy.item<double>(),
                             static_cast<double>(loaded.num_examples)};
    for (size_t k = 0; k < sums.size(); ++k) sums[k] += values[k];
  }
  if (sharded) ranks.sharded->free_all();
  if (ranks.everyone != nullptr) ranks.everyone->sum(sums, "evaluated losses");
  const double weight = std::max(sums[0], 1e-30);
  return {.name = name,
          .cross_entropy = sums[1] / weight,
          .z_loss = sums[2] / weight,
          .accuracy = sums[3] / weight,
          .num_examples = static_cast<int64_t>(sums[4])};
}

}  // namespace molmo::train
