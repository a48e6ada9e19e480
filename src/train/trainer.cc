// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <sys/resource.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/end_now.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/load.h"
#include "dist/lockstep.h"
#include "model/model_folder.h"
#include "molmo/error.h"
#include "tensor/device.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"
#include "train/checkpoint.h"
#include "train/meet_ranks.h"
#include "train/monitor.h"
#include "train/pin_models.h"
#include "train/recipe.h"
#include "train/step_loader.h"
#include "train/stop_signals.h"
#include "train/trained_model.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Says what a resumed run will do otherwise than it began. How far it goes and what it reports may change.
void warn_of_changes(const config::TrainConfig& before, config::TrainConfig now, const fs::path& file) {
  now.steps = before.steps, now.log_every = before.log_every, now.save_every = before.save_every;
  now.keep_checkpoints = before.keep_checkpoints;
  now.molmo.tokenizer.file = before.molmo.tokenizer.file;  // the run has a copy of its own
  now.data.num_workers = before.data.num_workers, now.data.prefetch_batches = before.data.prefetch_batches;
  for (const std::string& line : config::diff(before, now))
    log_warning(fmt::format("[train] resumed with another recipe than {}: {}", file.string(), line));
}

// Of this process, so far.
double peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Trainer {
 public:
  Trainer(config::TrainConfig config, RunOptions options, dist::Communicator& everyone)
      : config_(std::move(config)),
        options_(std::move(options)),
        tokenizer_(text::load_tokenizer("", config_.molmo.tokenizer)),
        everyone_(&everyone),
        model_(config_, options_.device, *everyone_),
        compute_(tensor::parse_compute_type(config::enum_name(config_.compute_dtype), options_.device)) {
    check_loss_evaluators(config_, everyone_->size());
    text::expect_vocabulary(tokenizer_, config_.molmo.tokenizer.file, config_.molmo.model.decoder.vocab_size);
  }

  RunSummary run();
  void print_plan();

 private:
  bool is_first() const { return everyone_->rank() == 0; }
  StepLoader make_loader() const {
    return {config_, tokenizer_, model_, *everyone_, options_.device, state_.examples_seen};
  }
  model::ForwardOptions forward_options(int64_t step) const;
  bool join_ranks(StepTimes& times) const;
  void evaluate(int64_t step, std::optional<Monitor>& monitor);
  void answer_tasks(int64_t step, const std::string& name, std::optional<Monitor>& monitor);
  void prepare_run();
  int64_t agree_on_step() const;
  std::optional<double> take_steps(CheckpointSaver& saver);
  void lock_run_folder();
  void keep_tokenizer();
  [[noreturn]] void give_up(int64_t step, int64_t num_bad_steps) const;

  config::TrainConfig config_;
  RunOptions options_;
  text::MolmoTokenizer tokenizer_;
  dist::Communicator* everyone_;
  TrainedModel model_;
  at::ScalarType compute_;
  TrainState state_;
  std::unique_ptr<FileLock> lock_;  // of the run folder, on rank 0
  std::optional<LogFile> log_file_;
};

model::ForwardOptions Trainer::forward_options(int64_t step) const {
  model::ForwardOptions forward;
  forward.compute = compute_;
  forward.dropout.residual = config_.residual_dropout;
  forward.dropout.response = config_.response_dropout;
  forward.dropout.attention = config_.molmo.model.decoder.attention_dropout;
  forward.dropout.embedding = config_.molmo.model.decoder.embedding_dropout;
  forward.dropout.features = config_.molmo.model.connector.feature_dropout;
  // A resumed run draws what an uninterrupted one draws, without saved state.
  forward.dropout.seed = static_cast<uint64_t>(config_.seed) * 1'000'003u + static_cast<uint64_t>(step);
  return forward;
}

// What was counted and measured becomes that of all ranks. Returns whether one of them was asked to stop.
bool Trainer::join_ranks(StepTimes& times) const {
  std::array<double, 5> sums{static_cast<double>(times.num_examples), static_cast<double>(times.num_tokens),
                             static_cast<double>(times.num_crops), times.flops, StopSignals::has_come() ? 1.0 : 0.0};
  everyone_->sum(sums, "counts");
  times.num_examples = std::llround(sums[0]);
  times.num_tokens = std::llround(sums[1]);
  times.num_crops = std::llround(sums[2]);
  times.flops = sums[3];
  times.memory_bytes = everyone_->maximum(peak_memory_bytes(), "memory");
  if (options_.device.is_cuda())
    times.device_memory_bytes =
        everyone_->maximum(static_cast<double>(tensor::peak_device_bytes(options_.device)), "a device's memory");
  return sums[4] > 0;
}

bool is_due(int64_t every, int64_t step, int64_t last) { return step % every == 0 || step == last; }

// The ranks share the questions. Answers differ in length, and so do the ranks' passes: they keep in step unit by unit.
void Trainer::answer_tasks(int64_t step, const std::string& name, std::optional<Monitor>& monitor) {
  std::optional<dist::Lockstep> lockstep;
  if (model_.ranks().sharded != nullptr) lockstep.emplace(*model_.ranks().sharded, *everyone_);
  const ModelInTraining model{.molmo = model_.molmo(),
                              .config = config_.molmo,
                              .tokenizer = tokenizer_,
                              .compute = compute_,
                              .rank = everyone_->rank(),
                              .num_ranks = everyone_->size(),
                              .exchange = [&](const std::string& own) {
                                if (lockstep) lockstep->finish();
                                return everyone_->gather_texts(own, "an evaluation's answers");
                              }};
  std::map<std::string, double> scores;
  {
    const at::NoGradGuard no_grad;
    std::optional<ScopedUnitRunner> scope;
    if (lockstep) scope.emplace(*lockstep);
    scores = options_.evaluate(model, config_.evaluations.at(name));
  }
  if (lockstep && everyone_->size() == 1) lockstep->finish();
  if (monitor) monitor->record(step, name, scores);
}

void Trainer::evaluate(int64_t step, std::optional<Monitor>& monitor) {
  for (const auto& [name, evaluation] : config_.evaluations) {
    if (is_due(evaluation.every, step, config_.steps)) answer_tasks(step, name, monitor);
  }
  for (const auto& [name, evaluator] : config_.loss_evaluators) {
    if (!is_due(evaluator.every, step, config_.steps)) continue;
    const EvaluatedLoss loss =
        evaluate_loss(name, config_, tokenizer_, model_.objective(), compute_, model_.ranks(), options_.device);
    if (monitor) monitor->record(step, loss);
  }
}

// The newest complete step by what rank 0 sees, or -1: file systems may show a step to some ranks later.
int64_t Trainer::agree_on_step() const {
  std::array<double, 1> step{-1.0};
  if (is_first()) {
    const std::vector<int64_t> steps = complete_steps(options_.out);
    warn_of_incomplete_steps(options_.out);
    if (!steps.empty()) step[0] = static_cast<double>(steps.back());
  } else {
    step[0] = 0.0;
  }
  everyone_->sum(step, "the step to resume from");
  return std::llround(step[0]);
}

// Of a run that was killed a rank may live for some seconds.
void Trainer::lock_run_folder() {
  constexpr int kMostTries = 50;
  for (int i = 0; i < kMostTries; ++i) {
    lock_ = FileLock::try_take(options_.out / "lock");
    if (lock_) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw Error(fmt::format("[train] {} is in use by another run, expected one at a time", options_.out.string()));
}

// What the run began with may be gone when it saves, or goes on.
void Trainer::keep_tokenizer() {
  std::string& file = config_.molmo.tokenizer.file;
  file = copy_into(options_.out, file);
}

// The model begins with the weights of a checkpoint, or with those that the recipe says.
void Trainer::prepare_run() {
  const int64_t last = agree_on_step();
  if (last >= 0 && !options_.resume) {
    throw Error(fmt::format("[train] {} holds a run that is {} steps old, expected a new folder (or --resume auto)",
                            options_.out.string(), last));
  }
  if (last < 0) model_.init_weights(config_);  // before anything is written: it may fail
  if (is_first()) {
    lock_run_folder();
    log_file_.emplace(options_.out / "log.txt");
    keep_tokenizer();
    const fs::path config_file = options_.out / kRecipeFile;
    if (last >= 0 && fs::exists(config_file)) {
      const auto before = config::load_config<config::TrainConfig>(config_file);
      keep_pins(before, config_);
      warn_of_changes(before, config_, config_file);
    }
    write_json(config_file, config::to_json(config_));
  } else {
    set_log_level(LogLevel::kWarning);
  }
  if (last < 0) return;
  const fs::path folder = options_.out / step_folder_name(last);
  model_.allocate();
  state_ = load_checkpoint(folder, model_.content());
  log_info(fmt::format("[train] resumed from {}", folder.string()));
}

void Trainer::give_up(int64_t step, int64_t num_bad_steps) const {
  const std::vector<int64_t> steps = complete_steps(options_.out);
  throw Error(
      fmt::format("[train] no finite loss and gradient, got {} bad steps in a row up to step {}, expected fewer than "
                  "max_bad_steps = {}; "
                  "the last checkpoint is {}; lower the learning rates or look at the data",
                  num_bad_steps, step, config_.max_bad_steps, steps.empty() ? "none" : step_folder_name(steps.back())),
      ExitCode::kBadSteps);
}

// All steps that are left, saved. Returns the loss of the last, if there is one.
std::optional<double> Trainer::take_steps(CheckpointSaver& saver) {
  StepLoader loader = make_loader();
  std::optional<Monitor> monitor;
  if (is_first()) monitor.emplace(options_.out, config_, everyone_->size(), state_.step);
  SpikeGuard guard(config_.max_sigmas);
  guard.set_state(state_.guard);
  int64_t num_bad_steps = 0;  // in a row
  double save_seconds = 0.0;  // of the step before
  std::optional<double> last_loss;
  while (state_.step < config_.steps) {
    const auto step_start = Clock::now();
    saver.check();
    StepTimes times{.save_seconds = save_seconds};
    const std::vector<MicroBatch> batches = loader.next(times);
    const int64_t step = state_.step + 1;
    everyone_->set_step(step);
    const StepResult result = train_step(model_.objective(), model_.optimizer(), batches,
                                         {.step = step,
                                          .run_steps = config_.steps,
                                          .forward = forward_options(step),
                                          .ranks = model_.ranks(),
                                          .guard = &guard});
    num_bad_steps = result.is_skipped ? num_bad_steps + 1 : 0;
    if (num_bad_steps >= config_.max_bad_steps) give_up(step, num_bad_steps);
    state_ = {.step = step, .examples_seen = state_.examples_seen + config_.global_batch_size, .guard = guard.state()};
    const bool stops = join_ranks(times);
    times.seconds = seconds_since(step_start);
    if (monitor) monitor->record(step, result, times);
    last_loss = result.cross_entropy;
    const auto save_start = Clock::now();
    const bool saves = step % config_.save_every == 0 || step == config_.steps || stops;
    if (saves) saver.save(model_.content(), state_);
    save_seconds = saves ? seconds_since(save_start) : 0.0;
    if (!stops) {
      evaluate(step, monitor);
      continue;
    }
    saver.wait();
    throw Error(
        fmt::format("[train] stopped by a signal after step {}; the state is saved, continue with --resume auto", step),
        ExitCode::kRestart);
  }
  saver.wait();
  return last_loss;
}

RunSummary Trainer::run() {
  const StopSignals signals;
  prepare_run();
  const auto start = Clock::now();
  CheckpointSaver saver(options_.out, config_.keep_checkpoints, *everyone_,
                        std::chrono::seconds(config_.sharding.save_timeout), [this](const fs::path& folder) {
                          model::write_model_config(folder, config_.molmo, config_.molmo.tokenizer.file);
                        });
  RunSummary summary;
  try {
    summary.last_loss = take_steps(saver);
    // One that leaves while another is still forming a group looks to it as one that has died.
    everyone_->meet("the end of the run");
  } catch (const Error& error) {
    // The saver's thread may be waiting for the lost rank too, far longer than a step may take.
    if (error.code() == ExitCode::kRestart && saver.is_writing()) end_now(error);
    throw;
  }
  summary.steps = state_.step;
  summary.seconds = seconds_since(start);
  summary.checkpoint = options_.out / step_folder_name(state_.step);
  return summary;
}

void Trainer::print_plan() {
  const int64_t num_params = model_.molmo().params().num_values();
  log_info(fmt::format("[train] dry run: {} parameters, {} of weights, {} with gradients and AdamW moments in float32",
                       num_params, format_bytes(4.0 * static_cast<double>(num_params)),
                       format_bytes(16.0 * static_cast<double>(num_params))));
  for (const ParamGroup& group : model_.optimizer().groups()) {
    int64_t values = 0;
    for (const Parameter* param : group.params) values += param->value.numel();
    log_info(fmt::format("[train]   {}: {} tensors, {} values, peak learning rate {:g}", group.name,
                         group.params.size(), values,
                         component_config(config_.optimizer, group.component).learning_rate));
  }
  StepTimes work;
  const std::vector<MicroBatch> first = make_loader().next(work);
  log_info(fmt::format("[train]   first update: {} examples in {} micro-batches, {} tokens, {} crops, {:.3g} TFLOP",
                       work.num_examples, first.size(), work.num_tokens, work.num_crops, work.flops / 1e12));
}

}  // namespace

RunSummary train(const config::TrainConfig& config, const RunOptions& options) {
  const std::unique_ptr<dist::Communicator> everyone = meet_ranks(config, options);
  try {
    const dist::Rank rank = options.dry_run ? dist::Rank() : options.rank;
    const fs::path begun = options.resume ? options.out : fs::path();
    config::TrainConfig pinned = pin_models(config, begun, rank, *everyone);
    if (rank.index != 0) set_log_level(LogLevel::kError);  // all ranks read the same files: the first tells
    config::TrainConfig resolved = resolve_recipe(std::move(pinned), begun, options.given);
    if (options.dry_run) resolved.recompute = {};  // nothing is computed, and the model stays on the meta device
    dist::expect_agreement(*everyone, resolved_facts(resolved));
    Trainer trainer(std::move(resolved), options, *everyone);
    if (!options.dry_run) return trainer.run();
    trainer.print_plan();
    return {};
  } catch (const Error& error) {
    // With 75 ends who has lost another or was asked to stop: all know.
    if (error.code() != ExitCode::kRestart) everyone->tell_failure(error.what());
    throw;
  } catch (const std::exception& error) {
    everyone->tell_failure(error.what());
    throw;
  }
}

}  // namespace molmo::train
