// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <sys/resource.h>

#include <chrono>

#include "base/end_now.h"
#include "base/log.h"
#include "base/stop_signals.h"
#include "base/strings.h"
#include "config/load.h"
#include "model/model_folder.h"
#include "molmo/error.h"
#include "tensor/device.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"
#include "train/checkpoint.h"
#include "train/evaluations.h"
#include "train/meet_ranks.h"
#include "train/monitor.h"
#include "train/pin_models.h"
#include "train/recipe.h"
#include "train/run_folder.h"
#include "train/start_checks.h"
#include "train/step_loader.h"
#include "train/trained_model.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Of this process, since it started.
double peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// What the ranks agree on at the end of a step.
struct Verdict {
  bool stops = false;  // one of them was asked to
  bool saves = false;  // by the clock of rank 0: clocks differ, and all ranks must save at the same step
};

class Trainer {
 public:
  Trainer(config::TrainConfig config, RunOptions options, distributed::Communicator& everyone)
      : config_(std::move(config)),
        options_(std::move(options)),
        tokenizer_(load_checked_tokenizer(config_)),
        everyone_(&everyone),
        model_(config_, options_.device, *everyone_),
        compute_(compute_type(config_, options_.device)) {
    check_loss_evaluators(config_, everyone_->size());
    if (options_.device.is_cuda()) tensor::allow_cudnn_attention(config_.cudnn_attention);
  }

  RunSummary run(RunFolder& folder);

 private:
  bool is_first() const { return everyone_->rank() == 0; }
  StepLoader make_loader() const { return {config_, tokenizer_, model_, *everyone_, options_.device, state_}; }
  Monitor* monitor() { return monitor_ ? &*monitor_ : nullptr; }
  CheckpointSaver make_saver();
  void restore(std::optional<int64_t> step);
  void tell_start(const std::vector<std::string>& remarks, const data::Loader& loader) const;
  model::ForwardOptions forward_options(int64_t step) const;
  bool gives_up_step() const;
  Verdict join_ranks(StepTimes& times, double seconds);
  void take_steps(StepLoader& loader, CheckpointSaver& saver);
  Verdict take_step(StepLoader& loader);
  void save(CheckpointSaver& saver);
  void evaluate(Evaluations& evaluations, CheckpointSaver& saver);
  [[noreturn]] void leave(CheckpointSaver& saver, RunFolder& folder);
  [[noreturn]] void give_up() const;

  config::TrainConfig config_;
  RunOptions options_;
  text::MolmoTokenizer tokenizer_;
  distributed::Communicator* everyone_;
  TrainedModel model_;
  at::ScalarType compute_;
  TrainState state_;
  int64_t saved_step_ = 0;      // the last that is saved or being saved
  Clock::time_point saved_at_;  // when that was
  double save_seconds_ = 0.0;   // spent in save(), reported with the step after it
  bool is_slow_ = true;  // whether steps take long; all ranks agree on it, as it decides whether a collective runs
  int64_t num_bad_ = 0;  // examples that this rank has left out, up to the last step
  SpikeGuard guard_{config_.max_sigmas};
  std::optional<Monitor> monitor_;  // on rank 0
  std::optional<double> last_loss_;
};

// Weights and moments of a step, or those that the recipe begins with. All that can refuse a run comes before anything
// is written.
void Trainer::restore(std::optional<int64_t> step) {
  if (!step) return model_.init_weights(config_);
  const fs::path folder = options_.out / formats::step_folder_name(*step);
  model_.allocate();
  state_ = load_checkpoint(folder, model_.content());
  saved_step_ = state_.step;
  num_bad_ = num_bad_of(state_, everyone_->rank(), everyone_->size());
  guard_.set_state(state_.guard);
}

// Reaches log.txt too, which is open by now. The first step may be minutes away.
void Trainer::tell_start(const std::vector<std::string>& remarks, const data::Loader& loader) const {
  for (const std::string& remark : remarks) log_warning(remark);
  if (state_.step > 0)
    log_info(fmt::format("[train] resumed from {}", (options_.out / formats::step_folder_name(state_.step)).string()));
  if (state_.step >= config_.steps) return;  // the end says so
  int64_t num_examples = 0;
  for (const data::Loader::Source& source : loader.sources()) num_examples += source.num_records;
  const size_t num_sets = loader.sources().size();
  log_info(
      fmt::format("[train] {}: {}; {} examples in {} dataset{}; steps {} to {} of {} examples; {}, {} rank{}; out {}",
                  config::enum_name(config_.stage), model_text(config_.molmo, model_.molmo().params().num_values()),
                  num_examples, num_sets, num_sets == 1 ? "" : "s", state_.step + 1, config_.steps,
                  config_.global_batch_size, compute_text(config_, options_.device), everyone_->size(),
                  everyone_->size() == 1 ? "" : "s", options_.out.string()));
}

model::ForwardOptions Trainer::forward_options(int64_t step) const {
  model::ForwardOptions forward;
  forward.compute = compute_;
  forward.dropout.residual = config_.residual_dropout;
  forward.dropout.response = config_.response_dropout;
  forward.dropout.attention = config_.molmo.model.decoder.attention_dropout;
  forward.dropout.embedding = config_.molmo.model.decoder.embedding_dropout;
  forward.dropout.features = config_.molmo.model.connector.feature_dropout;
  // Derived from the step alone: a resumed run draws what an uninterrupted one would, without a saved generator.
  forward.dropout.seed = static_cast<uint64_t>(config_.seed) * 1'000'003u + static_cast<uint64_t>(step);
  return forward;
}

// A long step is abandoned between two micro-batches when a stop is requested: a scheduler kills after its grace
// period. Short steps are finished, which saves a collective per micro-batch.
bool Trainer::gives_up_step() const {
  const bool own = StopSignals::has_come();
  if (everyone_->size() == 1) return own;
  return is_slow_ && everyone_->maximum(own ? 1.0 : 0.0, "whether to stop") > 0;
}

// Combines counts and measurements over all ranks. Requests to stop and to save travel in the same sum, so that every
// rank acts on them after the same step.
Verdict Trainer::join_ranks(StepTimes& times, double seconds) {
  constexpr double kSlow = 4.0;  // seconds
  const double minutes = seconds_since(saved_at_) / 60;
  const bool is_due = is_first() && config_.save_minutes > 0 && minutes >= config_.save_minutes;
  constexpr size_t kNumSums = 7, kNumMaxima = 2;
  const double device_memory =
      options_.device.is_cuda() ? static_cast<double>(tensor::peak_device_bytes(options_.device)) : 0.0;
  const std::array<double, kNumSums + kNumMaxima> own{static_cast<double>(times.num_examples),
                                                      static_cast<double>(times.num_tokens),
                                                      static_cast<double>(times.num_crops),
                                                      times.flops,
                                                      StopSignals::has_come() ? 1.0 : 0.0,
                                                      is_due ? 1.0 : 0.0,
                                                      seconds,
                                                      peak_memory_bytes(),
                                                      device_memory};
  // One collective for sums and maxima: each takes its latency on every step, and rings grow with the ranks.
  const std::vector<double> all = everyone_->gather_numbers(own, "counts");
  std::array<double, kNumSums> sums{};
  std::array<double, kNumMaxima> maxima{};
  for (size_t begin = 0; begin < all.size(); begin += own.size()) {
    for (size_t i = 0; i < kNumSums; ++i) sums[i] += all[begin + i];
    for (size_t i = 0; i < kNumMaxima; ++i) maxima[i] = std::max(maxima[i], all[begin + kNumSums + i]);
  }
  times.num_examples = std::llround(sums[0]);
  times.num_tokens = std::llround(sums[1]);
  times.num_crops = std::llround(sums[2]);
  times.flops = sums[3];
  is_slow_ = sums[6] > kSlow * everyone_->size();
  times.memory_bytes = maxima[0];
  times.device_memory_bytes = maxima[1];
  return {.stops = sums[4] > 0, .saves = sums[5] > 0};
}

void Trainer::give_up() const {
  throw Error(
      fmt::format("[train] no finite loss and gradient, got {} bad steps in a row up to step {}, expected fewer "
                  "than max_bad_steps = {}; the last checkpoint is {}; lower the learning rates or look at the "
                  "data",
                  state_.num_bad_steps, state_.step + 1, config_.max_bad_steps,
                  saved_step_ == 0 ? "none" : formats::step_folder_name(saved_step_)),
      ExitCode::kBadSteps);
}

Verdict Trainer::take_step(StepLoader& loader) {
  const auto start = Clock::now();
  StepTimes times{.save_seconds = std::exchange(save_seconds_, 0.0)};
  const std::vector<MicroBatch> batches = loader.next(times);
  const int64_t step = state_.step + 1;
  everyone_->set_step(step);
  const StepResult result = train_step(model_.objective(), model_.optimizer(), batches,
                                       {.step = step,
                                        .run_steps = config_.steps,
                                        .forward = forward_options(step),
                                        .ranks = model_.ranks(),
                                        .guard = &guard_,
                                        .gives_up = [this] { return gives_up_step(); }});
  state_.num_bad_steps = result.is_skipped ? state_.num_bad_steps + 1 : 0;
  if (state_.num_bad_steps >= config_.max_bad_steps) give_up();
  state_.step = step;
  state_.examples_seen += config_.global_batch_size;
  state_.guard = guard_.state();
  num_bad_ = loader.num_bad();
  const Verdict verdict = join_ranks(times, seconds_since(start));
  times.seconds = seconds_since(start);
  if (monitor_) monitor_->record(step, result, times);
  last_loss_ = result.cross_entropy;
  return verdict;
}

void Trainer::save(CheckpointSaver& saver) {
  const auto start = Clock::now();
  state_.num_bad.clear();
  for (const std::string& number : everyone_->gather_texts(std::to_string(num_bad_), "the number of bad examples"))
    state_.num_bad.push_back(std::stoll(number));
  saver.save(model_.content(), state_);
  saved_step_ = state_.step;
  saved_at_ = Clock::now();
  save_seconds_ = seconds_since(start);
}

// Runs the evaluations that are due. A step with the best score so far is saved, if it is not yet, and kept.
void Trainer::evaluate(Evaluations& evaluations, CheckpointSaver& saver) {
  evaluations.make_due(state_.step, monitor());
  if (!config_.keep_best || !evaluations.is_any_due(state_.step)) return;
  const bool is_best = monitor_ && monitor_->best_step() == state_.step;
  if (everyone_->maximum(is_best ? 1.0 : 0.0, "whether the step is the best") == 0) return;
  if (is_first()) formats::mark_best_step(options_.out, state_.step);
  if (saved_step_ != state_.step) save(saver);
}

// Takes, saves and evaluates the remaining steps. Evaluations of the step that the run resumes from come first: an
// interruption may have left them undone.
void Trainer::take_steps(StepLoader& loader, CheckpointSaver& saver) {
  Evaluations evaluations({.config = config_,
                           .tokenizer = tokenizer_,
                           .model = model_,
                           .everyone = *everyone_,
                           .compute = compute_,
                           .device = options_.device,
                           .evaluate = options_.evaluate});
  if (state_.step > 0) evaluate(evaluations, saver);
  while (state_.step < config_.steps) {
    saver.check();
    const Verdict verdict = take_step(loader);
    if (verdict.stops) throw Interruption();
    const bool is_last = state_.step == config_.steps;
    if (verdict.saves || is_last || state_.step % config_.save_every == 0) save(saver);
    evaluate(evaluations, saver);
  }
  saver.wait();
}

// Every rank was asked to stop, or one was and has told the others. Saves what is not saved yet, and ends the process
// without unwinding: a worker that hangs in a file of a lost disk must not hold that up.
void Trainer::leave(CheckpointSaver& saver, RunFolder& folder) {
  const std::string cause = StopSignals::has_come() ? StopSignals::name() : "a signal to another rank";
  if (state_.step != saved_step_) {
    log_warning(fmt::format("[train] {}: saving step {}", cause, state_.step));
    save(saver);
  }
  saver.wait();
  everyone_->meet("the end of the run");
  if (!is_first()) end_now(ExitCode::kRestart);
  const Error error(
      state_.step == 0
          ? fmt::format("[train] stopped by {} before the first step; start again with --resume auto", cause)
          : fmt::format("[train] stopped by {} after step {}; the state is saved, continue with --resume auto", cause,
                        state_.step),
      ExitCode::kRestart);
  folder.log_end(error);
  try {
    if (monitor_) monitor_->close();
  } catch (const Error& late) {  // the state is saved all the same
    log_warning(late.what());
  }
  monitor_.reset();
  end_now(error);
}

CheckpointSaver Trainer::make_saver() {
  return {options_.out, config_.keep_checkpoints, *everyone_, std::chrono::seconds(config_.sharding.save_timeout),
          [this](const fs::path& folder) {
            model::write_model_config(folder, config_.molmo, config_.molmo.tokenizer.file);
          }};
}

RunSummary Trainer::run(RunFolder& folder) {
  restore(folder.newest_step());
  StepLoader loader = make_loader();
  std::vector<std::string> remarks;
  if (is_first()) remarks = check_lengths(config_, loader.loader()).remarks;
  everyone_->meet("the start of the run");  // no rank has refused it
  StopSignals::start_noting();
  folder.begin(config_, loader.loader().sources());
  if (is_first()) {
    tell_start(remarks, loader.loader());
    monitor_.emplace(options_.out, config_, everyone_->size(), state_.step);
    // A run that was killed may have named a better one that it did not save.
    if (const auto best = monitor_->best_step(); best && fs::exists(options_.out / formats::step_folder_name(*best)))
      formats::mark_best_step(options_.out, *best);
  } else {
    set_log_level(LogLevel::kWarning);
  }
  const auto start = saved_at_ = Clock::now();
  CheckpointSaver saver = make_saver();
  try {
    try {
      take_steps(loader, saver);
    } catch (const Interruption&) {
      leave(saver, folder);
    }
    // To a rank that is still forming a group, one that leaves early looks like one that has died.
    everyone_->meet("the end of the run");
    if (monitor_) monitor_->close();
  } catch (const Error& error) {
    folder.log_end(error);
    // The saver's thread may be waiting for the lost rank too, far longer than a step may take.
    if (error.code() == ExitCode::kRestart && saver.is_writing()) end_now(error);
    throw;
  } catch (const std::exception& error) {
    const Error told = explain(error).value_or(Error(std::string("[bug] ") + error.what(), ExitCode::kBug));
    folder.log_end(told);
    if (told.code() != ExitCode::kRestart) throw;
    // A GPU has failed: destructors would call its driver, which may never return.
    everyone_->tell_failure(told.what());
    end_now(told);
  }
  return {.steps = state_.step,
          .last_loss = last_loss_,
          .seconds = seconds_since(start),
          .checkpoint = options_.out / formats::step_folder_name(state_.step)};
}

RunSummary run_on_ranks(const config::TrainConfig& config, const RunOptions& options,
                        distributed::Communicator& everyone) {
  RunFolder folder(options.out, options.resume, everyone);
  const fs::path begun = folder.newest_step() ? options.out : fs::path();
  config::TrainConfig pinned = pin_models(config, begun, options.rank, everyone);
  if (options.rank.index != 0) set_log_level(LogLevel::kError);  // all ranks read the same files: the first tells
  config::TrainConfig resolved = resolve_recipe(std::move(pinned), begun, options.given);
  distributed::expect_agreement(everyone, resolved_facts(resolved));
  return Trainer(std::move(resolved), options, everyone).run(folder);
}

}  // namespace

RunSummary train(const config::TrainConfig& config, const RunOptions& options) {
  const std::unique_ptr<distributed::Communicator> everyone = meet_ranks(config, options);
  try {
    return run_on_ranks(config, options, *everyone);
  } catch (const Error& error) {
    // 75 is a lost peer or a request to stop, of which the others know already.
    if (error.code() != ExitCode::kRestart) everyone->tell_failure(error.what());
    throw;
  } catch (const std::exception& error) {
    everyone->tell_failure(error.what());
    throw;
  }
}

}  // namespace molmo::train
