// The micro-batches of one update after another, on the device.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/loader.h"
#include "train/monitor.h"
#include "train/trained_model.h"

namespace molmo::train {

class StepLoader {
 public:
  /// `state`: what earlier updates have seen and left out. All other references outlive it.
  StepLoader(const config::TrainConfig& config, const text::MolmoTokenizer& tokenizer, const TrainedModel& model,
             distributed::Communicator& everyone, at::Device device, const TrainState& state);

  /// This rank's micro-batches of the next update: as many as every other rank has, some of them padding. `times` gets
  /// what they hold and how long they took. Throws an Interruption on all ranks where one is asked to stop.
  std::vector<MicroBatch> next(StepTimes& times);

  /// Examples that this rank has left out, up to the last update and before the start.
  int64_t num_bad() const { return loader_.num_bad(); }
  const data::Loader& loader() const { return loader_; }

 private:
  MicroBatch to_device(const data::LoadedBatch& loaded) const;

  const config::TrainConfig& config_;
  const TrainedModel& model_;
  distributed::Communicator& everyone_;
  at::Device device_;
  data::Loader loader_;
};

}  // namespace molmo::train
