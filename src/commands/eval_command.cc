// SPDX-License-Identifier: Apache-2.0
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

namespace molmo::commands {
namespace {

struct EvalCommandOptions {
  std::string model, tasks;
  eval::EvalOptions eval;
  std::string report;
  std::vector<std::filesystem::path> curves;
  int report_pictures = 12;
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

// What a reader needs to repeat the run.
std::vector<std::pair<std::string, std::string>> report_settings(const EvalCommandOptions& options,
                                                                 const eval::EvalResult& result,
                                                                 const config::MolmoConfig& config,
                                                                 const model::ForwardOptions& forward) {
  return {{"model", options.model},
          {"data", fmt::format("{}, split {}, {} pictures", options.eval.data.string(), options.eval.split,
                               result.num_pictures)},
          {"questions", std::to_string(result.answers.size())},
          {"pictures seen as", crops_text(config.preprocess)},
          {"precision", dtype_text(forward.compute)},
          {"seed", std::to_string(options.eval.seed)},
          {"decoding", "greedy"},
          {"scoring", "embedded tasks, mode fixed (docs/evaluation.md)"},
          {"time", format_duration(result.seconds)}};
}

// What can be known before the work: an evaluation takes hours.
void expect_writable(const EvalCommandOptions& options) {
  if (!options.eval.out.empty()) {
    std::filesystem::create_directories(options.eval.out);
    const AtomicFile probe(options.eval.out / "scores.json");
  }
  if (options.report.empty()) return;
  const std::filesystem::path report = options.report;
  const std::filesystem::path folder = report.has_parent_path() ? report.parent_path() : ".";
  if (!std::filesystem::is_directory(folder))
    throw Error(fmt::format("[eval] --report {}: no such folder: {}", options.report, folder.string()));
  if (std::filesystem::is_directory(report))
    throw Error(fmt::format("[eval] --report {}: it is a folder, expected a file name", options.report));
  const AtomicFile probe(report);
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

void run_eval(const EvalCommandOptions& options) {
  expect_single_process(cli::kEval.name);
  eval::EvalOptions settings = options.eval;
  settings.limits = options.pictures.limits;
  if (!options.tasks.empty()) {
    for (const std::string& name : split_text(options.tasks, ',')) settings.tasks.push_back(eval::parse_task(name));
  }
  const std::vector<eval::ReportCurve> curves = read_curves(options);
  expect_writable(options);
  const at::Device device = options.compute.open();
  model::ForwardOptions forward;
  forward.compute = options.compute.compute(device);
  const generate::LoadedModel model = generate::load_model(hub::find_model(options.model), device, forward.compute);
  const eval::EvalResult result = eval::evaluate(model, forward, settings);
  log_info(fmt::format("[eval] {} questions on {} pictures of split '{}' in {} (seed {}, {}, {})",
                       result.answers.size(), result.num_pictures, settings.split, format_duration(result.seconds),
                       settings.seed, dtype_text(forward.compute), crops_text(model.config.preprocess)));
  const Json scores = eval::scores_json(result.scores);
  Outputs outputs;
  if (!settings.out.empty()) outputs.write([&] { write_json(settings.out / "scores.json", scores); });
  if (!options.report.empty()) {
    outputs.write([&] {
      const eval::Report report =
          eval::make_report(result, curves, report_settings(options, result, model.config, forward),
                            {.count = static_cast<size_t>(options.report_pictures), .limits = settings.limits});
      write_file_atomically(options.report, eval::format_report_html(report));
    });
  }
  outputs.write([&] {
    std::cout << (options.json ? format_json_line(scores) + "\n" : eval::format_scores(result.scores)) << std::flush;
  });
  outputs.throw_failure();
}

}  // namespace

void add_eval(cli::Command& app) {
  auto options = std::make_shared<EvalCommandOptions>();
  cli::Command command = app.subcommand(cli::kEval.name, cli::kEval.description);
  command.option("--model", options->model, "model folder or run folder").required();
  command.option("--data", options->eval.data, "own-data folder").required();
  command.option("--tasks", options->tasks, "comma-separated: " + task_names() + "; default: all");
  command.option("--split", options->eval.split, "rows of this split");
  command.option("--max-per-task", options->eval.max_per_task, "questions of a task, spread over the split; 0: all")
      .within(0, 1 << 30);
  command.option("--batch-size", options->eval.batch_size, "questions answered at a time").within(1, 4096);
  command.option("--seed", options->eval.seed, "seed of prompt templates and of chance");
  command.option("--out", options->eval.out,
                 "folder for predictions.jsonl and scores.json; a stopped run goes on there");
  command.option("--report", options->report, "write a single-file HTML report here");
  command.option("--curves", options->curves, "run folders whose loss curves the report shows (repeatable)");
  command.option("--report-pictures", options->report_pictures, "pictures with points in the report").within(0, 1000);
  command.flag("--json", options->json, "print one JSON object");
  options->compute.add_to(command);
  options->pictures.add_to(command);
  command.runs(options, run_eval);
}

}  // namespace molmo::commands
