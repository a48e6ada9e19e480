// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/safetensors.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelFile = "model-00001-of-00001.safetensors";
constexpr const char* kOptimizerFile = "optim-00001-of-00001.safetensors";
constexpr const char* kStateFile = "state.json";
constexpr const char* kManifestFile = "manifest.json";
constexpr const char* kStepPrefix = "step";

std::map<std::string, Tensor> tensors_of(const ParamSet& set) {
  std::map<std::string, Tensor> tensors;
  for (const Parameter& param : set.all()) tensors[param.name] = param.value;
  return tensors;
}

// Copies `tensors` into `set` and takes them out of the map; collects what does not fit.
void take_values(ParamSet& set, std::map<std::string, Tensor>& tensors, const fs::path& file) {
  const at::NoGradGuard no_grad;
  std::string problems;
  for (Parameter& param : set.all()) {
    const auto found = tensors.find(param.name);
    if (found == tensors.end() || found->second.sizes() != param.value.sizes()) {
      problems += "\n  " + param.name + (found == tensors.end() ? ": missing" : ": wrong shape");
      continue;
    }
    param.value.copy_(found->second);
    tensors.erase(found);
  }
  if (!problems.empty())
    throw Error(fmt::format("[checkpoint] {} does not fit the recipe's model:{}", file.string(), problems));
}

void write_index(const fs::path& folder, const ParamSet& model) {
  std::map<std::string, std::string> shard_of;
  uint64_t num_bytes = 0;
  for (const Parameter& param : model.all()) {
    shard_of[param.name] = kModelFile;
    num_bytes += param.value.nbytes();
  }
  formats::write_index(folder, shard_of, num_bytes);
}

// Every file of the step, the model's configuration and tokenizer among them.
void write_manifest(const fs::path& folder) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& entry : fs::directory_iterator(folder)) sizes[entry.path().filename().string()] = entry.file_size();
  Json files = Json::object();
  for (const auto& [name, size] : sizes) files[name] = size;
  write_json(folder / kManifestFile, Json{{"format", 1}, {"num_shards", 1}, {"files", files}});
}

// A manifest that cannot be read says no more than one that is missing.
bool is_complete(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_regular_file(folder / kManifestFile, failed)) return false;
  try {
    const Json manifest = read_json(folder / kManifestFile);
    for (const auto& [name, size] : manifest.at("files").items()) {
      if (fs::file_size(folder / name, failed) != size.get<uint64_t>() || failed) return false;
    }
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kStepPrefix) || name.size() < 5) return std::nullopt;
  const std::string digits = name.substr(4);
  constexpr size_t kMostDigits = 18;
  if (digits.size() > kMostDigits || digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

void remove_old_steps(const fs::path& run, int keep) {
  const std::vector<int64_t> steps = complete_steps(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    const fs::path folder = run / step_folder_name(steps[i]);
    fs::remove(folder / kManifestFile);  // first, so that a half-removed step is never taken for complete
    fs::remove_all(folder);
  }
}

}  // namespace

std::string step_folder_name(int64_t step) { return fmt::format("{}{:06}", kStepPrefix, step); }

void save_checkpoint(const fs::path& run, const CheckpointContent& content, const TrainState& state, int keep) {
  const fs::path folder = run / step_folder_name(state.step);
  fs::create_directories(folder);
  fs::remove(folder / kManifestFile);  // what is overwritten is incomplete until the end
  model::write_tensors(folder / kModelFile, tensors_of(*content.model), {{"format", "pt"}});
  write_index(folder, *content.model);
  std::map<std::string, Tensor> optimizer = content.optimizer->state();
  if (content.extra != nullptr) optimizer.merge(tensors_of(*content.extra));
  model::write_tensors(folder / kOptimizerFile, optimizer);
  write_json(folder / kStateFile, Json{{"step", state.step}, {"examples_seen", state.examples_seen}});
  write_manifest(folder);
  write_file_atomically(run / "latest", folder.filename().string() + "\n");
  remove_old_steps(run, keep);
}

std::vector<int64_t> complete_steps(const fs::path& run) {
  std::vector<int64_t> steps;
  if (!fs::is_directory(run)) return steps;
  for (const auto& entry : fs::directory_iterator(run)) {
    const auto step = entry.is_directory() ? step_of(entry.path()) : std::nullopt;
    if (!step) continue;
    if (is_complete(entry.path())) {
      steps.push_back(*step);
    } else {
      log_warning(fmt::format("[checkpoint] {}: incomplete, left out", entry.path().string()));
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

TrainState load_checkpoint(const fs::path& step_folder, const CheckpointContent& content) {
  std::map<std::string, Tensor> model = model::read_tensors(step_folder / kModelFile);
  take_values(*content.model, model, step_folder / kModelFile);
  std::map<std::string, Tensor> optimizer = model::read_tensors(step_folder / kOptimizerFile);
  if (content.extra != nullptr) take_values(*content.extra, optimizer, step_folder / kOptimizerFile);
  content.optimizer->load_state(optimizer);
  const Json state = read_json(step_folder / kStateFile);
  const auto count = [&](const char* key) {
    const auto found = state.find(key);
    if (found == state.end() || !found->is_number_unsigned()) {
      throw Error(fmt::format("[checkpoint] {}: '{}', got {}, expected a number", (step_folder / kStateFile).string(),
                              key, found == state.end() ? "nothing" : found->dump()));
    }
    return found->get<int64_t>();
  };
  return {.step = count("step"), .examples_seen = count("examples_seen")};
}

}  // namespace molmo::train
