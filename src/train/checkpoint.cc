// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/safetensors.h"
#include "formats/slices.h"
#include "model/weights.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelStem = "model";
constexpr const char* kOptimizerStem = "optim";
constexpr const char* kStateFile = "state.json";
constexpr const char* kManifestFile = "manifest.json";
constexpr const char* kStepPrefix = "step";

// Which part of the parameters this process holds.
class Share {
 public:
  explicit Share(const CheckpointContent& content) : content_(content) {}

  int index() const { return is_sharded() ? content_.sharded->mesh().shard->rank() : 0; }
  int count() const { return is_sharded() ? content_.sharded->mesh().shard->size() : 1; }
  bool is_first() const { return content_.everyone == nullptr || content_.everyone->rank() == 0; }
  /// Of replicas, which hold the same, one writes.
  bool writes() const { return is_sharded() ? content_.sharded->mesh().replicas->rank() == 0 : is_first(); }

  /// What is here of a parameter: a flat slice from begin() on, or all of it.
  Tensor values(const Parameter& param) const {
    return is_sharded() ? content_.sharded->slices().find(param.name)->value.detach() : param.value.detach();
  }
  int64_t begin(const Parameter& param) const { return is_sharded() ? content_.sharded->slice_begin(param.name) : 0; }

  void wait_for_all(std::string_view subject) const {
    std::array<double, 1> nothing{};
    if (content_.everyone != nullptr) content_.everyone->sum(nothing, subject);
  }

 private:
  bool is_sharded() const { return content_.sharded != nullptr; }
  const CheckpointContent& content_;
};

// Files of one stem: whole tensors from one process, slices from several.
class StemWriter {
 public:
  explicit StemWriter(const Share& share) : share_(share) {}

  // `values` are those of `share_` of something shaped like `param`.
  void add(const std::string& name, const Parameter& param, const Tensor& values) {
    shapes_[name] = param.value.sizes().vec();
    if (share_.count() == 1) {
      tensors_[name] = values.view(param.value.sizes());
    } else if (values.numel() > 0) {
      tensors_[name] = values;
    }
  }
  // What is the same on all ranks.
  void add_scalar(const std::string& name, const Tensor& value) {
    shapes_[name] = {};
    if (share_.index() == 0) tensors_[name] = share_.count() == 1 ? value : value.view({1});
  }

  std::string write(const fs::path& folder, const char* stem) const {
    const std::string file = formats::shard_file_name(share_.index() + 1, share_.count(), stem);
    const auto metadata = share_.count() == 1 ? std::map<std::string, std::string>{{"format", "pt"}}
                                              : formats::slice_metadata(share_.index(), share_.count(), shapes_);
    model::write_tensors(folder / file, tensors_, metadata);
    return file;
  }

 private:
  const Share& share_;
  std::map<std::string, Tensor> tensors_;
  formats::Shapes shapes_;
};

const char* const kMomentSuffixes[] = {".exp_avg", ".exp_avg_sq"};
constexpr const char* kStepSuffix = ".step";

void write_model(const fs::path& folder, const CheckpointContent& content, const Share& share) {
  StemWriter writer(share);
  for (const Parameter& param : content.model->all()) writer.add(param.name, param, share.values(param));
  const std::string file = writer.write(folder, kModelStem);
  if (share.count() > 1) return;
  std::map<std::string, std::string> shard_of;  // for other programs
  uint64_t num_bytes = 0;
  for (const Parameter& param : content.model->all()) {
    shard_of[param.name] = file;
    num_bytes += static_cast<uint64_t>(share.values(param).nbytes());
  }
  formats::write_index(folder, shard_of, num_bytes);
}

void write_optimizer(const fs::path& folder, const CheckpointContent& content, const Share& share) {
  StemWriter writer(share);
  const std::map<std::string, Tensor> state = content.optimizer->state();
  const auto add_moments = [&](const Parameter& param) {
    const auto step = state.find(param.name + kStepSuffix);
    if (step == state.end()) return;
    writer.add_scalar(step->first, step->second);
    for (const char* suffix : kMomentSuffixes) writer.add(param.name + suffix, param, state.at(param.name + suffix));
  };
  for (const Parameter& param : content.model->all()) add_moments(param);
  if (content.extra != nullptr) {
    for (const Parameter& param : content.extra->all()) {
      add_moments(param);
      writer.add(param.name, param, share.values(param));
    }
  }
  writer.write(folder, kOptimizerStem);
}

// Copies what the file holds of the parameters of `set`; collects what does not fit.
void read_values(ParamSet& set, const formats::SafetensorsFolder& file, const Share& share, const fs::path& folder) {
  const at::NoGradGuard no_grad;
  std::string problems;
  for (Parameter& param : set.all()) {
    const formats::TensorView* view = file.find(param.name);
    if (view == nullptr || param.value.sizes() != at::IntArrayRef(view->shape)) {
      problems += "\n  " + param.name + (view == nullptr ? ": missing" : ": wrong shape");
      continue;
    }
    Tensor values = share.values(param);
    values.copy_(model::read_values(*view, share.begin(param), values.numel()).view_as(values));
  }
  if (!problems.empty())
    throw Error(fmt::format("[checkpoint] {} does not fit the recipe's model:{}", folder.string(), problems));
}

void read_optimizer(const CheckpointContent& content, const formats::SafetensorsFolder& file, const Share& share) {
  std::map<std::string, Tensor> state;
  const auto take = [&](const Parameter& param) {
    const formats::TensorView* step = file.find(param.name + kStepSuffix);
    if (step == nullptr) return;  // never had a gradient
    state[step->name] = model::to_tensor(*step);
    const Tensor values = share.values(param);
    for (const char* suffix : kMomentSuffixes) {
      const formats::TensorView* view = file.find(param.name + suffix);
      if (view == nullptr || param.value.sizes() != at::IntArrayRef(view->shape)) continue;  // load_state names it
      state[view->name] = model::read_values(*view, share.begin(param), values.numel()).view_as(values);
    }
  };
  for (const Parameter& param : content.model->all()) take(param);
  if (content.extra != nullptr) {
    for (const Parameter& param : content.extra->all()) take(param);
  }
  content.optimizer->load_state(state);
}

// Every file of the step, the model's configuration and tokenizer among them.
void write_manifest(const fs::path& folder, int num_shards) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& entry : fs::directory_iterator(folder)) sizes[entry.path().filename().string()] = entry.file_size();
  Json files = Json::object();
  for (const auto& [name, size] : sizes) files[name] = size;
  write_json(folder / kManifestFile, Json{{"format", 1}, {"num_shards", num_shards}, {"files", files}});
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

// What is overwritten is incomplete until the end; another number of ranks wrote files of other names.
void remove_earlier_attempt(const fs::path& folder) {
  fs::remove(folder / kManifestFile);
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.find("-of-") != std::string::npos || name.ends_with(".index.json")) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) fs::remove(path);
}

void remove_old_steps(const fs::path& run, int keep) {
  const std::vector<int64_t> steps = complete_steps(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    const fs::path folder = run / step_folder_name(steps[i]);
    fs::remove(folder / kManifestFile);  // first, so that a half-removed step is never taken for complete
    fs::remove_all(folder);
  }
}

// Steps of earlier versions have none.
SpikeGuard::State read_guard(const Json& state, const fs::path& file) {
  if (!state.contains("guard")) return {};
  const auto track = [](const Json& pair) {
    return SpikeGuard::Track{pair.at(0).get<double>(), pair.at(1).get<double>()};
  };
  const Json& guard = state.at("guard");
  try {
    return {guard.at("num_steps").get<int64_t>(), track(guard.at("loss")), track(guard.at("gradient_norm"))};
  } catch (const Json::exception&) {
    throw Error(fmt::format("[checkpoint] {}: 'guard', got {:.80}, expected what this program writes", file.string(),
                            guard.dump()));
  }
}

}  // namespace

std::string step_folder_name(int64_t step) { return fmt::format("{}{:06}", kStepPrefix, step); }

void save_checkpoint(const fs::path& run, const CheckpointContent& content, const TrainState& state, int keep) {
  const Share share(content);
  const fs::path folder = run / step_folder_name(state.step);
  fs::create_directories(folder);
  if (share.is_first()) remove_earlier_attempt(folder);
  share.wait_for_all("the checkpoint's folder");
  if (share.writes()) {
    write_model(folder, content, share);
    write_optimizer(folder, content, share);
  }
  share.wait_for_all("the checkpoint's files");
  if (!share.is_first()) return;
  const SpikeGuard::State& guard = state.guard;
  write_json(folder / kStateFile,
             Json{{"step", state.step},
                  {"examples_seen", state.examples_seen},
                  {"guard",
                   {{"num_steps", guard.num_steps},
                    {"loss", {guard.loss.mean, guard.loss.variance}},
                    {"gradient_norm", {guard.gradient_norm.mean, guard.gradient_norm.variance}}}}});
  write_manifest(folder, share.count());
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
  const Share share(content);
  read_values(*content.model, formats::SafetensorsFolder(step_folder, kModelStem), share, step_folder);
  const formats::SafetensorsFolder optimizer(step_folder, kOptimizerStem);
  if (content.extra != nullptr) read_values(*content.extra, optimizer, share, step_folder);
  read_optimizer(content, optimizer, share);
  const Json state = read_json(step_folder / kStateFile);
  const auto count = [&](const char* key) {
    const auto found = state.find(key);
    if (found == state.end() || !found->is_number_unsigned()) {
      throw Error(fmt::format("[checkpoint] {}: '{}', got {}, expected a number", (step_folder / kStateFile).string(),
                              key, found == state.end() ? "nothing" : found->dump()));
    }
    return found->get<int64_t>();
  };
  return {.step = count("step"),
          .examples_seen = count("examples_seen"),
          .guard = read_guard(state, step_folder / kStateFile)};
}

}  // namespace molmo::train
