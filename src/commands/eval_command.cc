// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <ctime>
#include <exception>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "eval/make_report.h"
#include "hub/find_model.h"
#include "molmo/error.h"
#include "molmo/version.h"

namespace molmo::commands {
namespace {

struct EvalCommandOptions {
  std::string model, tasks, radius;
  eval::EvalOptions eval;
  std::string report;
  std::vector<std::filesystem::path> curves;
  int report_pictures = 6;
  bool json = false;
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

// The moment in UTC: "2026-03-01 12:30:05 UTC".
std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text.data();
}

// One evaluation: what it was asked to do, and with what.
struct Evaluation {
  const EvalCommandOptions& options;
  eval::EvalOptions settings;
  std::vector<eval::Task> tasks;
  std::vector<std::string> left_out;
  std::string date = now_text(), dtype, crops;

  std::string tasks_text() const {
    std::vector<std::string> names;
    for (const eval::Task task : tasks) names.emplace_back(eval::task_info(task).name);
    return join_text(names, ", ");
  }
  std::string per_task_text() const {
    return settings.max_per_task == 0 ? "all" : fmt::format("at most {}, spread over the split", settings.max_per_task);
  }
};

// What a reader of the numbers needs to repeat the run.
Json evaluation_json(const Evaluation& run, const eval::EvalResult& result) {
  return {{"model", run.options.model},
          {"data", run.settings.data.string()},
          {"split", run.settings.split},
          {"pictures", result.num_pictures},
          {"questions", result.answers.size()},
          {"left_out", run.left_out},
          {"version", kVersion},
          {"date", run.date},
          {"settings",
           {{"tasks", run.tasks_text()},
            {"max_per_task", run.settings.max_per_task},
            {"radius", run.options.radius.empty() ? Json() : Json(run.options.radius)},
            {"seed", run.settings.seed},
            {"dtype", run.dtype},
            {"crops", run.crops},
            {"decoding", "greedy"}}}};
}

eval::Report begin_report(const Evaluation& run, const std::vector<eval::ReportCurve>& curves,
                          const eval::EvalResult& result) {
  eval::Report report;
  report.title = "Evaluation of " + run.options.model;
  report.head = {{"data", fmt::format("{}, split {}: {} pictures, {} questions", run.settings.data.string(),
                                      run.settings.split, result.num_pictures, result.answers.size())},
                 {"date", run.date},
                 {"program", fmt::format("molmo {}", kVersion)}};
  if (!run.left_out.empty()) report.head.push_back({"left out", join_text(run.left_out, ", ")});
  report.settings = {{"tasks", run.tasks_text()},
                     {"questions of a task", run.per_task_text()},
                     {"pictures seen as", run.crops},
                     {"dtype", run.dtype},
                     {"seed", std::to_string(run.settings.seed)},
                     {"decoding", "greedy"},
                     {"scoring", "embedded tasks, mode fixed (docs/evaluation.md)"},
                     {"time", format_duration(result.seconds)}};
  if (!run.options.radius.empty()) report.settings.push_back({"radius of points without boxes", run.options.radius});
  report.curves = curves;
  return report;
}

// What can be known before the work: an evaluation takes hours.
void expect_report_folder(const std::filesystem::path& report) {
  if (report.empty()) return;
  const std::filesystem::path folder = report.has_parent_path() ? report.parent_path() : ".";
  if (!std::filesystem::is_directory(folder))
    throw Error(fmt::format("[eval] --report {}: no such folder: {}", report.string(), folder.string()));
  if (std::filesystem::is_directory(report))
    throw Error(fmt::format("[eval] --report {}: it is a folder, expected a file name", report.string()));
  const AtomicFile probe(report);
}

void expect_writable(const std::filesystem::path& out) {
  if (out.empty()) return;
  std::filesystem::create_directories(out);
  const AtomicFile probe(out / "scores.json");
}

std::vector<eval::ReportCurve> read_curves(const EvalCommandOptions& options) {
  if (!options.curves.empty() && options.report.empty())
    throw Error("[eval] --curves without --report, which shows them");
  std::vector<eval::ReportCurve> curves;
  for (const std::filesystem::path& run : options.curves) curves.push_back(eval::read_curve(run));
  return curves;
}

// Every output is tried, so that one that fails takes no other along; then the first failure is thrown.
class Outputs {
 public:
  void write(const std::function<void()>& write_one) {
    try {
      write_one();
    } catch (const std::exception& error) {
      if (failure_) log_error(error.what());
      if (!failure_) failure_ = std::current_exception();
    }
  }
  void throw_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
};

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

void write_outputs(const Evaluation& run, const eval::EvalResult& result,
                   const std::vector<eval::ReportCurve>& curves) {
  const Json scores = eval::scores_json(result.scores);
  Outputs outputs;
  if (!run.settings.out.empty()) {
    outputs.write([&] {
      Json file{{"evaluation", evaluation_json(run, result)}};
      file.update(scores);
      write_json(run.settings.out / "scores.json", file);
    });
  }
  if (!run.options.report.empty()) {
    outputs.write([&] {
      eval::Report report = begin_report(run, curves, result);
      eval::add_results(report, result,
                        {.count = static_cast<size_t>(run.options.report_pictures), .limits = run.settings.limits});
      write_file_atomically(run.options.report, eval::format_report_html(report));
    });
  }
  outputs.write([&] {
    std::cout << (run.options.json ? format_json_line(scores) + "\n" : eval::format_scores(result.scores))
              << std::flush;
  });
  outputs.throw_failure();
}

void run_eval(const EvalCommandOptions& options) {
  expect_single_process(cli::kEval.name);
  Evaluation run{.options = options, .settings = eval_settings(options), .tasks = {}, .left_out = {}};
  const std::vector<eval::ReportCurve> curves = read_curves(options);
  expect_report_folder(options.report);
  eval::EvalPlan plan = eval::plan_evaluation(run.settings);
  expect_writable(run.settings.out);
  run.tasks = plan.tasks;
  run.left_out = plan.left_out;
  log_info(fmt::format("[eval] {} questions on {} pictures of split '{}'{}{}", plan.items.size(), plan.num_pictures,
                       run.settings.split,
                       plan.left_out.empty() ? "" : "; left out: ", join_text(plan.left_out, ", ")));
  const at::Device device = options.compute.open();
  model::ForwardOptions forward;
  forward.compute = options.compute.compute(device);
  const generate::LoadedModel model = generate::load_model(hub::find_model(options.model), device, forward.compute);
  run.dtype = dtype_text(forward.compute);
  run.crops = crops_text(model.config.preprocess);
  const eval::EvalResult result = eval::evaluate(model, forward, run.settings, std::move(plan));
  log_info(fmt::format("[eval] done in {} (seed {}, {}, {})", format_duration(result.seconds), run.settings.seed,
                       run.dtype, run.crops));
  write_outputs(run, result, curves);
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
  command.option("--report", options->report, "write a single-file HTML report here");
  command.option("--curves", options->curves, "run folders whose loss curves the report shows (repeatable)");
  command.option("--report-pictures", options->report_pictures, "examples of each task in the report").within(0, 1000);
  command.flag("--json", options->json, "print one JSON object");
  options->compute.add_to(command);
  options->pictures.add_to(command);
  command.runs(options, run_eval);
}

}  // namespace molmo::commands
