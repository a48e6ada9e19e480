// SPDX-License-Identifier: Apache-2.0
#include "train/trained_model.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "data/dataset.h"
#include "hub/find_model.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "train/choose_recompute.h"
#include "train/start_checks.h"
#include "train/step_memory.h"

namespace molmo::train {
namespace {

bool recomputes(const config::RecomputeConfig& config, const Unit& unit) {
  if (unit.component == Component::kConnector) return config.connector;
  const int every = unit.component == Component::kVit ? config.vit : config.decoder;
  return unit.block && every > 0 && *unit.block % every == 0;
}

// A fresh value, for a rank that holds some of it.
void draw(Parameter& param, uint64_t seed, const model::WeightSink& sink) {
  const model::ValueRange range = sink.wanted ? sink.wanted(param) : model::ValueRange{0, param.value.numel()};
  if (range.begin < range.end)
    sink.take(param, range.begin, initial_value(param, seed).flatten().slice(0, range.begin, range.end));
}

}  // namespace

TrainedModel::TrainedModel(const config::TrainConfig& given, at::Device device, distributed::Communicator& everyone)
    : device_(device), everyone_(everyone), molmo_(given.molmo.model) {
  if (everyone.size() % given.sharding.replicas != 0) {
    throw Error(fmt::format("[train] sharding.replicas, got {}, expected a divisor of the {} ranks",
                            given.sharding.replicas, everyone.size()));
  }
  make_objective(given);
  for (ParamSet* set : param_sets()) mark_trained(*set, given.optimizer);
  const config::TrainConfig config = with_recompute(given);
  if (everyone.size() > 1) {
    shard(config);
  } else if (!config.recompute.is_off()) {
    recomputing_ = std::make_unique<RecomputingRunner>(
        [recompute = config.recompute](const Unit& unit) { return recomputes(recompute, unit); });
  }
  std::vector<ParamGroup> groups;
  const auto add_groups = [&](ParamSet& set) {
    for (ParamGroup& group : make_groups(set, config.optimizer)) groups.push_back(std::move(group));
  };
  if (sharded_) {
    add_groups(sharded_->slices());
  } else {
    for (ParamSet* set : param_sets()) add_groups(*set);
  }
  optimizer_ = std::make_unique<AdamW>(std::move(groups), config.optimizer);
}

void TrainedModel::make_objective(const config::TrainConfig& config) {
  if (config.stage != config::TrainStage::kTower) {
    objective_ = std::make_unique<TokenObjective>(molmo_, config.z_loss);
    return;
  }
  const auto num_kinds = static_cast<int64_t>(data::object_kinds(config.data).size());
  auto tower = std::make_unique<TowerObjective>(molmo_, num_kinds);
  tower_ = tower.get();
  objective_ = std::move(tower);
}

std::vector<ParamSet*> TrainedModel::param_sets() {
  std::vector<ParamSet*> sets{&molmo_.params()};
  if (tower_ != nullptr) sets.push_back(&tower_->params());
  return sets;
}

void TrainedModel::shard(const config::TrainConfig& config) {
  const int replicas = config.sharding.replicas;
  // Neighbouring ranks share a shard group, whose members communicate most.
  const int per_replica = everyone_.size() / replicas;
  std::vector<int> shard_ranks, replica_ranks;
  for (int i = 0; i < per_replica; ++i) shard_ranks.push_back(everyone_.rank() / per_replica * per_replica + i);
  for (int i = 0; i < replicas; ++i) replica_ranks.push_back(i * per_replica + everyone_.rank() % per_replica);
  shard_group_ = everyone_.subgroup("shard", shard_ranks, device_);
  replica_group_ = everyone_.subgroup("replicas", replica_ranks, device_);

  const std::vector<Unit> units = this->units();
  const bool defers = agree_to_defer(config, units, per_replica);
  sharded_ = std::make_unique<distributed::ShardedParams>(
      param_sets(), units, distributed::Mesh{shard_group_.get(), replica_group_.get(), &everyone_},
      distributed::ShardOptions{
          .master = at::TensorOptions().dtype(at::kFloat).device(device_),
          .compute = compute_type(config, device_),
          .recomputes = [recompute = config.recompute](const Unit& unit) { return train::recomputes(recompute, unit); },
          .most_live = config.sharding.live_units,
          .defers_reduction = defers});
}

// Of this rank: its GPU's, or its part of the host's.
double TrainedModel::available_memory() const {
  if (everyone_.size() == 1) return available_bytes(device_, 1);
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  const std::vector<std::string> machines = everyone_.gather_texts(name, "the names of machines");
  const auto num_local = static_cast<int>(std::count(machines.begin(), machines.end(), name));
  return available_bytes(device_, std::max(1, num_local));
}

// With what recompute.auto chooses: on all ranks what the one with the least memory needs.
config::TrainConfig TrainedModel::with_recompute(const config::TrainConfig& config) const {
  if (!config.recompute.is_automatic) return config;
  const int num_shards = std::max(1, everyone_.size() / config.sharding.replicas);
  const size_t own = choose_recompute(config, units(), num_shards, compute_type(config, device_), available_memory());
  const double chosen = everyone_.maximum(static_cast<double>(own), "what is recomputed");
  config::TrainConfig resolved = config;
  resolved.recompute = recompute_choices()[static_cast<size_t>(chosen)];
  if (everyone_.rank() == 0)
    log_info(fmt::format("[train] recomputed in backward: {} (recompute.auto)", recompute_text(resolved.recompute)));
  return resolved;
}

// All ranks defer or none does: a reduce-scatter that only some of them start would hang.
bool TrainedModel::agree_to_defer(const config::TrainConfig& config, const std::vector<Unit>& units,
                                  int num_shards) const {
  if (config.sharding.defer_reduction) return *config.sharding.defer_reduction;
  const StepMemory plan = plan_step(config, units, num_shards, compute_type(config, device_));
  const double available = available_memory();
  const bool exceeds = plan.total() > kMostMemoryUse * available;
  const bool fits = everyone_.maximum(exceeds ? 1.0 : 0.0, "room for whole gradients") == 0;
  if (!fits && everyone_.rank() == 0) {
    log_info(fmt::format(
        "[train] gradients are summed after every micro-batch: whole ones ({}) would not fit beside {} in "
        "{} (sharding.defer_reduction)",
        format_bytes(plan.gradients), format_bytes(plan.total() - plan.gradients), format_bytes(available)));
  }
  return fits;
}

std::vector<Unit> TrainedModel::units() const {
  std::vector<Unit> units = molmo_.units();
  if (tower_ != nullptr) units.push_back(tower_->unit());
  return units;
}

model::WeightSink TrainedModel::sink() {
  if (!sharded_) return model::place_params(device_);
  return {.take = [this](Parameter& param, int64_t begin,
                         const Tensor& values) { sharded_->store(param.name, begin, values); },
          .wanted =
              [this](const Parameter& param) {
                const int64_t begin = sharded_->slice_begin(param.name);
                return model::ValueRange{begin, begin + sharded_->slices().find(param.name)->value.numel()};
              }};
}

void TrainedModel::init_weights(const config::TrainConfig& config) {
  const model::WeightSink sink = this->sink();
  ParamSet& molmo = molmo_.params();
  if (config.init_from) model::load_weights(molmo, config.molmo.model, hub::find_model(*config.init_from), sink);
  std::set<std::string> read;
  const auto read_part = [&](const std::optional<std::string>& from, const char* prefix) {
    if (from) read.merge(model::load_weights_below(molmo, config.molmo.model, prefix, hub::find_model(*from), sink));
  };
  read_part(config.init_llm_from, "model.transformer.");
  read_part(config.init_tower_from, "model.vision_backbone.");
  for (ParamSet* set : param_sets()) {
    if (config.init_from && set == &molmo) continue;
    for (Parameter& param : set->all()) {
      if (!read.contains(param.name)) draw(param, static_cast<uint64_t>(config.seed), sink);
    }
  }
}

void TrainedModel::allocate() {
  if (sharded_) return;
  for (ParamSet* set : param_sets()) {
    for (Parameter& param : set->all()) {
      param.value = at::empty(param.value.sizes(), at::TensorOptions().dtype(at::kFloat).device(device_))
                        .set_requires_grad(param.value.requires_grad());
    }
  }
}

CheckpointContent TrainedModel::content() {
  return {.model = &molmo_.params(),
          .extra = tower_ != nullptr ? &tower_->params() : nullptr,
          .optimizer = optimizer_.get(),
          .everyone = &everyone_,
          .sharded = sharded_.get()};
}

}  // namespace molmo::train
