// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
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

// Which part of the parameters this process holds.
class Share {
 public:
  explicit Share(const CheckpointContent& content) : content_(content) {}

  int index() const { return is_sharded() ? content_.sharded->mesh().shard->rank() : 0; }
  int count() const { return is_sharded() ? content_.sharded->mesh().shard->size() : 1; }
  bool is_first() const { return content_.everyone == nullptr || content_.everyone->rank() == 0; }
  /// Replicas hold the same values: one of them writes.
  bool writes() const { return is_sharded() ? content_.sharded->mesh().replicas->rank() == 0 : is_first(); }

  /// What is here of a parameter: a flat slice from begin() on, or all of it.
  Tensor values(const Parameter& param) const {
    return is_sharded() ? content_.sharded->slices().find(param.name)->value.detach() : param.value.detach();
  }
  int64_t begin(const Parameter& param) const { return is_sharded() ? content_.sharded->slice_begin(param.name) : 0; }

 private:
  bool is_sharded() const { return content_.sharded != nullptr; }
  const CheckpointContent& content_;
};

// Files of one stem: whole tensors from one process, slices from several. Copies lie in `buffers`.
class StemFiles {
 public:
  StemFiles(const Share& share, SnapshotBuffers& buffers)
      : buffers_(&buffers), index_(share.index()), count_(share.count()) {}

  // Copies `values`, which are the share's of something shaped like `param`.
  void add(const std::string& name, const Parameter& param, const Tensor& values) {
    shapes_[name] = param.value.sizes().vec();
    if (count_ == 1) {
      tensors_[name] = copy_of(name, values).view(param.value.sizes());
    } else if (values.numel() > 0) {
      tensors_[name] = copy_of(name, values);
    }
  }
  // What is the same on all ranks.
  void add_scalar(const std::string& name, const Tensor& value) {
    shapes_[name] = {};
    if (index_ == 0) tensors_[name] = count_ == 1 ? copy_of(name, value) : copy_of(name, value).view({1});
  }

  std::string file_name(const char* stem) const { return formats::shard_file_name(index_ + 1, count_, stem); }

  std::string write(const fs::path& folder, const char* stem) const {
    const std::string file = file_name(stem);
    const auto metadata = count_ == 1 ? std::map<std::string, std::string>{{"format", "pt"}}
                                      : formats::slice_metadata(index_, count_, shapes_);
    model::write_tensors(folder / file, tensors_, metadata);
    return file;
  }

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

 private:
  Tensor copy_of(const std::string& name, const Tensor& values) {
    Tensor& buffer = (*buffers_)[name];
    if (!buffer.defined() || buffer.sizes() != values.sizes() || buffer.scalar_type() != values.scalar_type())
      buffer = at::empty(values.sizes(), values.options().device(at::kCPU));
    buffer.copy_(values.detach());
    return buffer;
  }

  SnapshotBuffers* buffers_;
  int index_, count_;
  std::map<std::string, Tensor> tensors_;
  formats::Shapes shapes_;
};

const char* const kMomentSuffixes[] = {".exp_avg", ".exp_avg_sq"};
constexpr const char* kStepSuffix = ".step";

StemFiles model_files(const CheckpointContent& content, const Share& share, SnapshotBuffers& buffers) {
  StemFiles files(share, buffers);
  for (const Parameter& param : content.model->all()) files.add(param.name, param, share.values(param));
  return files;
}

// For other programs, which know whole tensors only.
void write_index(const fs::path& folder, const std::string& file, const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, std::string> shard_of;
  uint64_t num_bytes = 0;
  for (const auto& [name, value] : tensors) {
    shard_of[name] = file;
    num_bytes += static_cast<uint64_t>(value.nbytes());
  }
  formats::write_index(folder, shard_of, num_bytes);
}

StemFiles optimizer_files(const CheckpointContent& content, const Share& share, SnapshotBuffers& buffers) {
  StemFiles files(share, buffers);
  const std::map<std::string, Tensor> state = content.optimizer->state();
  const auto add_moments = [&](const Parameter& param) {
    const auto step = state.find(param.name + kStepSuffix);
    if (step == state.end()) return;
    files.add_scalar(step->first, step->second);
    for (const char* suffix : kMomentSuffixes) files.add(param.name + suffix, param, state.at(param.name + suffix));
  };
  for (const Parameter& param : content.model->all()) add_moments(param);
  if (content.extra != nullptr) {
    for (const Parameter& param : content.extra->all()) {
      add_moments(param);
      files.add(param.name, param, share.values(param));
    }
  }
  return files;
}

void write_state(const fs::path& folder, const TrainState& state) {
  const SpikeGuard::State& guard = state.guard;
  write_json(folder / formats::kStateFile,
             Json{{"step", state.step},
                  {"examples_seen", state.examples_seen},
                  {"bad_examples", state.num_bad},
                  {"bad_steps", state.num_bad_steps},
                  {"guard",
                   {{"num_steps", guard.num_steps},
                    {"loss", {guard.loss.mean, guard.loss.variance}},
                    {"gradient_norm", {guard.gradient_norm.mean, guard.gradient_norm.variance}}}}});
}

// A run's state at one moment, in memory of its own.
class Snapshot {
 public:
  Snapshot(const CheckpointContent& content, const TrainState& state, SnapshotBuffers& buffers)
      : Snapshot(content, state, Share(content), buffers) {}

  // Every rank writes what is its, then rank 0 completes the step. `group` may be null: one process.
  void write(const fs::path& run, int keep, distributed::Communicator* group,
             const CheckpointSaver::AddFiles& add_files) const {
    const fs::path folder = run / formats::step_folder_name(state_.step);
    try {
      if (is_first_) {
        formats::begin_step_folder(run, state_.step);
        if (add_files) add_files(folder);
      }
      if (group != nullptr) group->meet("the checkpoint's folder");
      if (model_) write_own_files(folder);
    } catch (const Error&) {
      remove_own_files(folder);
      throw;
    }
    if (group != nullptr) group->meet("the checkpoint's files");
    if (!is_first_) return;
    write_state(folder, state_);
    std::vector<std::string> slices;
    for (int i = 1; i <= num_shards_; ++i) {
      for (const char* stem : {kModelStem, kOptimizerStem})
        slices.push_back(formats::shard_file_name(i, num_shards_, stem));
    }
    formats::complete_step_folder(run, state_.step, slices, keep);
  }

 private:
  void write_own_files(const fs::path& folder) const {
    const std::string file = model_->write(folder, kModelStem);
    if (num_shards_ == 1) write_index(folder, file, model_->tensors());
    optimizer_->write(folder, kOptimizerStem);
  }

  // On a full disk the half of a step that did fit would keep it full. Other ranks may be writing theirs.
  void remove_own_files(const fs::path& folder) const {
    std::error_code failed;
    if (num_shards_ == 1 && is_first_) {
      fs::remove_all(folder, failed);
    } else if (model_) {
      for (const char* stem : {kModelStem, kOptimizerStem}) fs::remove(folder / model_->file_name(stem), failed);
    }
  }

  Snapshot(const CheckpointContent& content, const TrainState& state, const Share& share, SnapshotBuffers& buffers)
      : state_(state), is_first_(share.is_first()), num_shards_(share.count()) {
    if (!share.writes()) return;
    model_ = model_files(content, share, buffers);
    optimizer_ = optimizer_files(content, share, buffers);
  }

  TrainState state_;
  bool is_first_;
  int num_shards_;
  std::optional<StemFiles> model_, optimizer_;  // of the ranks that write
};

// Copies what the file holds of the parameters of `set`; collects what does not fit.
void read_values(ParamSet& set, const formats::SafetensorsFolder& file, const Share& share, const fs::path& folder) {
  const at::NoGradGuard no_grad;
  std::vector<std::string> problems;
  for (Parameter& param : set.all()) {
    const formats::TensorView* view = file.find(param.name);
    if (view == nullptr || param.value.sizes() != at::IntArrayRef(view->shape)) {
      problems.push_back(param.name + (view == nullptr ? ": missing" : ": wrong shape"));
      continue;
    }
    Tensor values = share.values(param);
    values.copy_(model::read_values(*view, share.begin(param), values.numel()).view_as(values));
  }
  if (!problems.empty())
    throw Error(fmt::format("[checkpoint] {} does not fit the recipe's model:\n  {}", folder.string(),
                            join_some(problems, "\n  ")));
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

// Steps of earlier versions have none.
std::vector<int64_t> read_num_bad(const Json& state, const fs::path& file) {
  const auto found = state.find("bad_examples");
  if (found == state.end()) return {};
  const auto is_count = [](const Json& value) { return value.is_number_unsigned(); };
  if (!found->is_array() || !std::all_of(found->begin(), found->end(), is_count))
    throw Error(fmt::format("[checkpoint] {}: 'bad_examples', got {}, expected a number for each rank", file.string(),
                            brief(*found)));
  return found->get<std::vector<int64_t>>();
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

int64_t num_bad_of(const TrainState& state, int rank, int size) {
  const std::vector<int64_t>& counts = state.num_bad;
  if (std::ssize(counts) == size) return counts[static_cast<size_t>(rank)];
  const int64_t all = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  return all / size + (rank < all % size ? 1 : 0);
}

CheckpointSaver::CheckpointSaver(fs::path run, int keep, distributed::Communicator& everyone,
                                 std::chrono::seconds timeout, AddFiles add_files)
    : run_(std::move(run)), keep_(keep), everyone_(everyone), add_files_(std::move(add_files)) {
  std::vector<int> ranks;
  for (int rank = 0; rank < everyone.size(); ++rank) ranks.push_back(rank);
  group_ = everyone.subgroup("checkpoints", ranks, at::kCPU, timeout);
}

CheckpointSaver::~CheckpointSaver() {
  if (writing_.valid()) writing_.wait();  // its error is dropped: another one is being thrown, or nobody waited
}

void CheckpointSaver::save(const CheckpointContent& content, const TrainState& state) {
  wait();
  auto snapshot = std::make_shared<Snapshot>(content, state, buffers_);
  writing_ =
      std::async(std::launch::async, [this, snapshot] { snapshot->write(run_, keep_, group_.get(), add_files_); });
}

bool CheckpointSaver::is_writing() const {
  return writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

void CheckpointSaver::check() {
  if (writing_.valid() && !is_writing()) writing_.get();
}

// Polls in short collectives on the main group until every rank has written, instead of joining the writer's thread: a
// rank that dies meanwhile then fails a collective within step_timeout, while one with a slow disk keeps taking part
// and has until save_timeout.
void CheckpointSaver::wait() {
  constexpr std::chrono::milliseconds kPause{20};
  while (true) {
    check();
    std::array<double, 1> num_writing{is_writing() ? 1.0 : 0.0};
    everyone_.sum(num_writing, "whether the checkpoint is written");
    if (num_writing[0] == 0.0) break;
    if (writing_.valid()) writing_.wait_for(kPause);
  }
  check();
}

void save_checkpoint(const fs::path& run, const CheckpointContent& content, const TrainState& state, int keep) {
  SnapshotBuffers buffers;
  Snapshot(content, state, buffers).write(run, keep, content.everyone, {});
}

TrainState load_checkpoint(const fs::path& step_folder, const CheckpointContent& content) {
  const Share share(content);
  read_values(*content.model, formats::SafetensorsFolder(step_folder, kModelStem), share, step_folder);
  const formats::SafetensorsFolder optimizer(step_folder, kOptimizerStem);
  if (content.extra != nullptr) read_values(*content.extra, optimizer, share, step_folder);
  read_optimizer(content, optimizer, share);
  const fs::path file = step_folder / formats::kStateFile;
  const Json state = read_json(file);
  const auto count = [&](const char* key) {
    const auto found = state.find(key);
    if (found == state.end() || !found->is_number_unsigned()) {
      throw Error(fmt::format("[checkpoint] {}: '{}', got {}, expected a number", file.string(), key,
                              found == state.end() ? "nothing" : found->dump()));
    }
    return found->get<int64_t>();
  };
  return {.step = count("step"),
          .examples_seen = count("examples_seen"),
          .guard = read_guard(state, file),
          .num_bad = read_num_bad(state, file),
          .num_bad_steps = state.contains("bad_steps") ? count("bad_steps") : 0};  // earlier versions say nothing
}

}  // namespace molmo::train
