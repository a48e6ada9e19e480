// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "base/log.h"
#include "base/stop_signals.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "config/load.h"
#include "data/own_data.h"
#include "distributed/communicator.h"
#include "eval/runner.h"
#include "molmo/error.h"
#include "tensor/device.h"
#include "train/dry_run.h"
#include "train/trainer.h"

namespace molmo::commands {
namespace {

struct TrainOptions {
  std::string recipe, out, resume;
  std::vector<std::string> overrides;
  bool dry_run = false;
  int ranks = 0;  // that a dry run plans for; 0: those that there are
  ComputeOptions compute;
};

// The harness of `molmo eval`, on the model as it trains.
std::map<std::string, double> evaluate(const train::ModelInTraining& training,
                                       const config::EvaluationConfig& evaluation, const DecodeLimits& limits) {
  const generate::LoadedModel model{
      .config = training.config,
      .molmo = std::shared_ptr<const model::Molmo>(std::shared_ptr<void>(), &training.molmo),  // the trainer's
      .tokenizer = training.tokenizer,
      .fingerprint = ""};
  model::ForwardOptions forward;
  forward.compute = training.compute;
  eval::EvalOptions options{
      .data = evaluation.data,
      .split = evaluation.split,
      .tasks = {},
      .max_per_task = evaluation.max_per_task,
      .batch_size = evaluation.batch_size,
      .out = {},
      .with_blank = false,
      .limits = limits,
      .share = {.index = training.rank, .count = training.num_ranks, .exchange = training.exchange}};
  for (const std::string& name : evaluation.tasks) options.tasks.push_back(eval::parse_task(name));
  std::map<std::string, double> scores;
  for (const eval::TaskScore& score : eval::evaluate(model, forward, options).scores)
    scores[std::string(eval::task_info(score.task).metric)] = score.model;
  return scores;
}

// Before anything is trained: an evaluation may be due hours later. A task that is asked for by name has questions.
void check_evaluations(const config::TrainConfig& config) {
  for (const auto& [name, evaluation] : config.evaluations) {
    std::vector<eval::Task> tasks;
    for (const std::string& task : evaluation.tasks) tasks.push_back(eval::parse_task(task));
    const data::OwnData data = data::read_own_data(evaluation.data);
    const std::vector<data::Record> records = data::select_split(data, evaluation.split);
    const auto expect_questions = [&, &name = name, &split = evaluation.split](const std::vector<eval::Task>& wanted,
                                                                               const std::string& of) {
      if (!eval::make_questions(records, {.tasks = wanted, .max_per_task = 1}).questions.empty()) return;
      throw Error(fmt::format("[train] evaluation '{}': {}: got no question{} in split '{}', expected at least one",
                              name, data.file.string(), of, split));
    };
    for (const eval::Task& task : tasks)
      expect_questions({task}, fmt::format(" of task '{}'", eval::task_info(task).name));
    for (const eval::TaskInfo& info : eval::embedded_tasks()) tasks.push_back(info.task);
    expect_questions(tasks, "");
  }
}

void run_train(const TrainOptions& options) {
  const StopSignals signals("[train] stopped by a signal before the run began; start again with --resume auto\n");
  const LogBacklog backlog;  // what is warned of before log.txt begins
  const distributed::Rank rank = distributed::read_rank();
  config::TrainConfig config;
  at::Device device = at::kCPU;
  distributed::before_meeting(options.dry_run ? distributed::Rank() : rank, [&] {
    if (options.out.empty() && !options.dry_run)
      throw Error("[train] --out, got nothing, expected the run folder (only --dry-run needs none)");
    config = config::load_config<config::TrainConfig>(options.recipe, options.overrides);
    check_evaluations(config);
    device = options.compute.open(rank);
  });
  const train::RunOptions run{
      .out = options.out,
      .resume = options.resume == "auto",
      .device = device,
      .rank = rank,
      .evaluate = [&](const auto& model,
                      const auto& evaluation) { return evaluate(model, evaluation, config.data.decode_limits); },
      .given = config::given_keys(options.recipe, options.overrides)};
  if (options.dry_run) {
    if (rank.index == 0)
      std::cout << train::describe_run(config, run, options.ranks > 0 ? options.ranks : rank.count) << std::flush;
    return;
  }
  const train::RunSummary summary = train::train(config, run);
  if (run.rank.index != 0) return;
  log_info(summary.last_loss
               ? fmt::format("[train] {} steps done in {}, last cross_entropy {:.4f}: {}", summary.steps,
                             format_duration(summary.seconds), *summary.last_loss, summary.checkpoint.string())
               : fmt::format("[train] all {} steps were done: {}", summary.steps, summary.checkpoint.string()));
  std::cout << summary.checkpoint.string() << "\n";
}

}  // namespace

void add_train(cli::Command& app) {
  auto options = std::make_shared<TrainOptions>();
  cli::Command command = app.subcommand(cli::kTrain.name, cli::kTrain.description);
  command.option("RECIPE", options->recipe, "recipe, JSON with // comments").required();
  command.option("--out", options->out, "run folder; required but for --dry-run");
  command.option("--set", options->overrides, "override a key: a.b=value (repeatable)").one_value_each();
  command.option("--resume", options->resume, "'auto': continue from the highest complete step, if any")
      .one_of({"auto"});
  const cli::Option dry_run = command.flag("--dry-run", options->dry_run,
                                           "check and describe the run: data, lengths, memory, disk; write nothing");
  command.option("--ranks", options->ranks, "ranks whose memory --dry-run plans; 0: those of this start")
      .needs(dry_run)
      .within(0, 1 << 20);
  options->compute.add_to(command, /*with_dtype=*/false);
  command.runs(options, run_train);
}

}  // namespace molmo::commands
