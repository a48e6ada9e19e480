// SPDX-License-Identifier: Apache-2.0
#include "train/step_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/stop_signals.h"
#include "data/mixture.h"
#include "model/flops.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

constexpr int64_t kNumExamined = 2000;  // records of each dataset: their pictures' headers are read in about a second
constexpr std::chrono::milliseconds kPoll{100};  // between two checks for signals while no batch is ready

// [C, P, 3]: kind, column and row.
Tensor cell_label_tensor(const data::LoadedBatch& loaded) {
  std::vector<int64_t> values;
  values.reserve(loaded.cell_labels.size() * 3);
  for (const data::CellLabel& label : loaded.cell_labels)
    values.insert(values.end(), {label.kind, label.column, label.row});
  return at::tensor(values, at::kLong).view({loaded.batch.num_crops, loaded.batch.num_cells, 3});
}

// The work that a batch means for the model, padding not counted; for the FLOPs.
model::PassWork work_of(const data::LoadedBatch& loaded) {
  const preprocess::Batch& batch = loaded.batch;
  return {
      .num_tokens = std::count_if(batch.input_ids.begin(), batch.input_ids.end(), [](int64_t id) { return id != -1; }),
      .num_loss_tokens =
          std::count_if(batch.loss_masks.begin(), batch.loss_masks.end(), [](float weight) { return weight > 0; }),
      .squared_lengths = loaded.squared_lengths,
      .num_crops = batch.num_crops};
}

}  // namespace

StepLoader::StepLoader(const config::TrainConfig& config, const text::MolmoTokenizer& tokenizer,
                       const TrainedModel& model, distributed::Communicator& everyone, at::Device device,
                       const TrainState& state)
    : config_(config),
      model_(model),
      everyone_(everyone),
      device_(device),
      loader_(config.data, config.molmo, tokenizer,
              {.stage = config.stage,
               .global_batch_size = config.global_batch_size,
               .micro_batch_size = config.micro_batch_size,
               .start_example = state.examples_seen,
               .rank = everyone.rank(),
               .world_size = everyone.size(),
               .num_bad_before = num_bad_of(state, everyone.rank(), everyone.size()),
               .num_examined = everyone.rank() == 0 ? kNumExamined : 0}) {
  // The ranks compared their data.jsonl files when they met. The sizes of the pictures are known only now.
  distributed::Facts facts;
  for (const data::Loader::Source& source : loader_.sources())
    facts.emplace_back("data.datasets." + source.name + ", its pictures",
                       fmt::format("{} in {} bytes ({})", source.fingerprint.num_pictures,
                                   source.fingerprint.picture_bytes, source.fingerprint.pictures.substr(0, 16)));
  distributed::expect_agreement(everyone, facts);
}

MicroBatch StepLoader::to_device(const data::LoadedBatch& loaded) const {
  MicroBatch batch{.inputs = model::make_inputs(loaded.batch, device_),
                   .targets = model::make_targets(loaded.batch, device_),
                   .cell_labels = {}};
  if (model_.has_cell_labels()) batch.cell_labels = cell_label_tensor(loaded).to(device_);
  return batch;
}

std::vector<MicroBatch> StepLoader::next(StepTimes& times) {
  std::vector<MicroBatch> batches;
  bool is_done = data::num_share_rows(config_.global_batch_size, everyone_.rank(), everyone_.size()) == 0;
  while (!is_done && !StopSignals::has_come()) {
    const auto start = std::chrono::steady_clock::now();
    while (!loader_.wait(kPoll) && !StopSignals::has_come()) {
    }
    if (StopSignals::has_come()) break;
    const data::LoadedBatch loaded = loader_.next();
    times.data_wait_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    is_done = loaded.ends_step;
    if (loaded.num_examples == 0) continue;
    batches.push_back(to_device(loaded));
    const model::PassWork work = work_of(loaded);
    times.num_examples += loaded.num_examples;
    times.num_tokens += work.num_tokens;
    times.num_crops += work.num_crops;
    times.flops += 3.0 * model::forward_flops(config_.molmo.model, work);  // backward is twice forward
  }
  // A rank that was asked to stop sends infinity as its count, so that one maximum answers both
  // questions.
  const double own =
      StopSignals::has_come() ? std::numeric_limits<double>::infinity() : static_cast<double>(batches.size());
  const double most = everyone_.maximum(own, "the number of micro-batches");
  if (std::isinf(most)) throw Interruption();
  while (static_cast<double>(batches.size()) < most) batches.push_back(model_.objective().nothing());
  return batches;
}

}  // namespace molmo::train
