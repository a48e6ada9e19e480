// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "base/number_text.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/eval_outputs.h"
#include "commands/options.h"
#include "eval/make_report.h"
#include "hub/find_model.h"
#include "molmo/error.h"

namespace molmo::commands {
namespace {

struct EvalCommandOptions {
  std::string model, tasks, radius;
  eval::EvalOptions eval;
  EvalOutputs outputs;
  std::vector<std::filesystem::path> curves;
  ComputeOptions compute;
  PictureOptions pictures;
};

std::string dtype_text(at::ScalarType dtype) { return dtype == at::kBFloat16 ? "bf16" : "fp32"; }

std::string task_names() {
  std::vector<std::string> names;
  for (const eval::TaskInfo& info : eval::embedded_tasks()) names.emplace_back(info.name);
  return join_text(names, ", ");
}

std::string crops_text(const config::PreprocessConfig& config) {
  const std::string size = fmt::format("{}x{} pixels", config.image_width, config.image_height);
  if (config.crop_mode == config::CropMode::kResize) return "the whole picture at " + size;
  return fmt::format("overview and up to {} crops of {}", config.max_crops, size);
}

std::vector<eval::ReportCurve> read_curves(const EvalCommandOptions& options) {
  if (!options.curves.empty() && options.outputs.report.empty())
    throw Error("[eval] --curves without --report, which shows them");
  std::vector<eval::ReportCurve> curves;
  for (const std::filesystem::path& run : options.curves) curves.push_back(eval::read_curve(run));
  return curves;
}

eval::EvalOptions eval_settings(const EvalCommandOptions& options) {
  eval::EvalOptions settings = options.eval;
  settings.limits = options.pictures.limits;
  settings.shows_progress = true;
  if (!options.radius.empty()) settings.radius = eval::parse_radius(options.radius);
  if (!options.tasks.empty()) {
    for (const std::string& name : split_text(options.tasks, ',')) settings.tasks.push_back(eval::parse_task(name));
  }
  return settings;
}

void run_eval(const EvalCommandOptions& options) {
  expect_single_process(cli::kEval.name);
  Evaluation run{
      .model = options.model, .radius = options.radius, .settings = eval_settings(options), .date = now_text()};
  EvalOutputs outputs = options.outputs;
  outputs.curves = read_curves(options);
  expect_writable_report(outputs.report);
  eval::EvalPlan plan = eval::plan_evaluation(run.settings);
  make_writable_folder(run.settings.out);
  run.tasks = plan.tasks;
  run.left_out = plan.left_out;
  log_info(fmt::format("[eval] {} questions on {} pictures of split '{}'{}{}", plan.items.size(), plan.num_pictures,
                       run.settings.split,
                       plan.left_out.empty() ? "" : "; left out: ", join_text(plan.left_out, ", ")));
  const at::Device device = options.compute.open();
  model::ForwardOptions forward;
  forward.compute = options.compute.compute(device);
  const generate::LoadedModel model = generate::load_model(hub::find_model(options.model), device, forward.compute);
  run.model_size = format_scaled(model.molmo->params().num_values()) + " parameters";
  run.dtype = dtype_text(forward.compute);
  run.crops = crops_text(model.config.preprocess);
  const eval::EvalResult result = eval::evaluate(model, forward, run.settings, std::move(plan));
  log_info(fmt::format("[eval] done in {} (seed {}, {}, {})", format_duration(result.seconds), run.settings.seed,
                       run.dtype, run.crops));
  write_outputs(run, result, outputs);
}

}  // namespace

void add_eval(cli::Command& app) {
  auto options = std::make_shared<EvalCommandOptions>();
  cli::Command command = app.subcommand(cli::kEval.name, cli::kEval.description);
  command.option("--model", options->model, "model folder or run folder").required();
  command.option("--data", options->eval.data, "own-data folder").required();
  command.option("--tasks", options->tasks, "comma-separated: " + task_names() + "; default: all");
  command.option("--split", options->eval.split, "rows of this split");
  command.option("--radius", options->radius,
                 "score points without boxes too: a hit lies within so many pixels (20), or percent of the picture's "
                 "shorter side (5%)");
  command.option("--max-per-task", options->eval.max_per_task, "questions of a task, spread over the split; 0: all")
      .within(0, 1 << 30);
  command.option("--batch-size", options->eval.batch_size, "questions answered at a time").within(1, 4096);
  command.option("--seed", options->eval.seed, "seed of prompt templates and of chance");
  command.option("--out", options->eval.out,
                 "folder for predictions.jsonl and scores.json; a stopped run goes on there");
  command.option("--report", options->outputs.report, "write a single-file HTML report here");
  command.option("--curves", options->curves, "run folders whose loss curves the report shows (repeatable)");
  command.option("--report-pictures", options->outputs.num_report_pictures, "examples of each task in the report")
      .within(0, 1000);
  command.flag("--json", options->outputs.json, "print one JSON object");
  options->compute.add_to(command);
  options->pictures.add_to(command);
  command.runs(options, run_eval);
}

}  // namespace molmo::commands
