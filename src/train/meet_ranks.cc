// SPDX-License-Identifier: Apache-2.0
#include "train/meet_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/log.h"
#include "base/program_id.h"
#include "config/load.h"
#include "tensor/device.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigits = 16;  // of a hash, for people to compare

// "1234 bytes (0f3c...)"
std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return "no file";
  Digest hash;
  size_t size = 0;
  std::vector<char> block(size_t{1} << 20);
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    hash.update({block.data(), static_cast<size_t>(in.gcount())});
    size += static_cast<size_t>(in.gcount());
  }
  return fmt::format("{} bytes ({})", size, hash.finish().substr(0, kDigits));
}

// Names and sizes, not what is in them: they hold the weights.
std::string listing_of(const fs::path& folder) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file())
      files.push_back(fmt::format("{} {}", entry.path().filename().string(), entry.file_size()));
  }
  std::sort(files.begin(), files.end());
  Digest hash;
  for (const std::string& file : files) hash.update(file + "\n");
  return fmt::format("{} files ({})", files.size(), hash.finish().substr(0, kDigits));
}

// Of what weights come from: a folder, a run, a file, or the name of a model on a hub.
std::string source_of(const std::string& from) {
  const fs::path path(from);
  if (fs::is_regular_file(path)) return fmt::format("{} bytes", fs::file_size(path));
  if (!fs::is_directory(path)) return from;
  std::string latest;
  if (std::ifstream file(path / "latest"); file) std::getline(file, latest);
  return latest.empty() ? listing_of(path) : latest + ", " + listing_of(path / latest);
}

std::string records_of(const std::string& path) {
  return content_of(fs::is_directory(path) ? fs::path(path) / "data.jsonl" : fs::path(path));
}

// "a.b.0": one line per value.
void add_keys(const Json& json, const std::string& key, distributed::Facts& facts) {
  if (!json.is_structured() || json.empty()) {
    facts.emplace_back(key, json.dump());
    return;
  }
  size_t i = 0;
  for (const auto& [name, value] : json.items()) {
    const std::string below = json.is_array() ? std::to_string(i++) : name;
    add_keys(value, key.empty() ? below : key + "." + below, facts);
  }
}

Json without_paths(config::TrainConfig config) {
  for (auto& [name, dataset] : config.data.datasets) dataset.path.clear();
  for (auto& [name, evaluator] : config.loss_evaluators) evaluator.path.clear();
  for (auto& [name, evaluation] : config.evaluations) evaluation.data.clear();
  config.init_from.reset(), config.init_llm_from.reset(), config.init_tower_from.reset();
  config.molmo.tokenizer.file.clear();
  config.data.num_workers = 1, config.data.prefetch_batches = 1;
  return config::to_json(config);
}

void add_files(const config::TrainConfig& config, distributed::Facts& facts) {
  for (const auto& [name, dataset] : config.data.datasets)
    facts.emplace_back(fmt::format("data.datasets.{}, its data.jsonl", name), records_of(dataset.path));
  for (const auto& [name, evaluator] : config.loss_evaluators)
    facts.emplace_back(fmt::format("loss_evaluators.{}, its data.jsonl", name), records_of(evaluator.path));
  for (const auto& [name, evaluation] : config.evaluations)
    facts.emplace_back(fmt::format("evaluations.{}, its data.jsonl", name), records_of(evaluation.data));
  const auto add_source = [&](const char* key, const std::optional<std::string>& from) {
    if (from) facts.emplace_back(key, source_of(*from));
  };
  add_source("init_from, its files", config.init_from);
  add_source("init_llm_from, its files", config.init_llm_from);
  add_source("init_tower_from, its files", config.init_tower_from);
}

// The ranks of a shard group all-gather every unit of every pass: that is fastest within one machine, or over whole
// machines.
void warn_of_uneven_groups(const config::TrainConfig& config, const distributed::Rank& rank) {
  const int size = rank.count / std::max(1, config.sharding.replicas);
  if (rank.index != 0 || rank.is_local || size % rank.local_count == 0 || rank.local_count % size == 0) return;
  log_warning(
      fmt::format("[train] sharding.replicas = {} makes groups of {} ranks, of which {} are on a machine: some "
                  "span a part of one",
                  config.sharding.replicas, size, rank.local_count));
}

}  // namespace

distributed::Facts start_facts(const config::TrainConfig& config, const RunOptions& options) {
  distributed::Facts facts{{"the program", program_id()}};
  add_keys(without_paths(config), "", facts);
  add_files(config, facts);
  const at::ScalarType compute =
      tensor::parse_compute_type(std::string(config::enum_name(config.compute_dtype)), options.device);
  facts.emplace_back("the dtype of the passes (compute_dtype)", compute == at::kFloat ? "fp32" : "bf16");
  facts.emplace_back("the device", options.device.is_cuda() ? "cuda" : "cpu");
  facts.emplace_back("--resume", options.resume ? "auto" : "nothing");
  facts.emplace_back("--out", fs::absolute(options.out).lexically_normal().string());
  return facts;
}

distributed::Facts resolved_facts(const config::TrainConfig& config) {
  distributed::Facts facts;
  add_keys(without_paths(config), "", facts);
  facts.emplace_back("the tokenizer's file", content_of(config.molmo.tokenizer.file));
  return facts;
}

std::unique_ptr<distributed::Communicator> meet_ranks(const config::TrainConfig& config, const RunOptions& options) {
  if (options.rank.count == 1) return distributed::connect({}, {});
  warn_of_uneven_groups(config, options.rank);
  distributed::Facts facts;
  distributed::before_meeting(options.rank, [&] { facts = start_facts(config, options); });
  return distributed::connect(options.rank,
                              {.start = std::chrono::seconds(config.sharding.start_timeout),
                               .step = std::chrono::seconds(config.sharding.step_timeout)},
                              facts);
}

}  // namespace molmo::train
