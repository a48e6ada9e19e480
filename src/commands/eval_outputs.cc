// SPDX-License-Identifier: Apache-2.0
#include "commands/eval_outputs.h"

#include <array>
#include <ctime>
#include <exception>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "eval/make_report.h"
#include "molmo/error.h"
#include "molmo/version.h"

namespace molmo::commands {
namespace {

std::string tasks_text(const std::vector<eval::Task>& tasks) {
  std::vector<std::string> names;
  for (const eval::Task task : tasks) names.emplace_back(eval::task_info(task).name);
  return join_text(names, ", ");
}

Json evaluation_json(const Evaluation& run, const eval::EvalResult& result) {
  return {{"model", run.model},
          {"data", run.settings.data.string()},
          {"split", run.settings.split},
          {"pictures", result.num_pictures},
          {"questions", result.answers.size()},
          {"left_out", run.left_out},
          {"version", kVersion},
          {"date", run.date},
          {"settings",
           {{"tasks", tasks_text(run.tasks)},
            {"max_per_task", run.settings.max_per_task},
            {"radius", run.radius.empty() ? Json() : Json(run.radius)},
            {"seed", run.settings.seed},
            {"dtype", run.dtype},
            {"crops", run.crops},
            {"decoding", "greedy"}}}};
}

eval::Report begin_report(const Evaluation& run, const eval::EvalResult& result,
                          const std::vector<eval::ReportCurve>& curves) {
  const eval::EvalOptions& settings = run.settings;
  const std::string per_task =
      settings.max_per_task == 0 ? "all" : fmt::format("at most {}, spread over the split", settings.max_per_task);
  eval::Report report;
  report.title = "Evaluation of " + run.model;
  report.head = {{"model", fmt::format("{}, {}", run.model, run.model_size)},
                 {"data", fmt::format("{}, split {}: {} pictures, {} questions", settings.data.string(), settings.split,
                                      result.num_pictures, result.answers.size())},
                 {"date", run.date},
                 {"version", fmt::format("molmo {}", kVersion)}};
  if (!run.left_out.empty()) report.head.push_back({"left out", join_text(run.left_out, ", ")});
  report.settings = {{"tasks", tasks_text(run.tasks)},
                     {"questions of a task", per_task},
                     {"pictures seen as", run.crops},
                     {"dtype", run.dtype},
                     {"seed", std::to_string(settings.seed)},
                     {"decoding", "greedy"},
                     {"scoring", "embedded tasks, mode fixed (docs/evaluation.md)"},
                     {"time", format_duration(result.seconds)}};
  if (!run.radius.empty()) report.settings.push_back({"radius of points without boxes", run.radius});
  report.curves = curves;
  return report;
}

class Attempts {
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

}  // namespace

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text.data();
}

void expect_writable_report(const std::filesystem::path& report) {
  if (report.empty()) return;
  const std::filesystem::path folder = report.has_parent_path() ? report.parent_path() : ".";
  if (!std::filesystem::is_directory(folder))
    throw Error(fmt::format("[eval] --report {}: no such folder: {}", report.string(), folder.string()));
  if (std::filesystem::is_directory(report))
    throw Error(fmt::format("[eval] --report {}: it is a folder, expected a file name", report.string()));
  const AtomicFile probe(report);
}

void make_writable_folder(const std::filesystem::path& out) {
  if (out.empty()) return;
  std::filesystem::create_directories(out);
  const AtomicFile probe(out / "scores.json");
}

void write_outputs(const Evaluation& run, const eval::EvalResult& result, const EvalOutputs& outputs) {
  const Json scores = eval::scores_json(result.scores);
  Attempts attempts;
  if (!run.settings.out.empty()) {
    attempts.write([&] {
      Json file{{"evaluation", evaluation_json(run, result)}};
      file.update(scores);
      write_json(run.settings.out / "scores.json", file);
    });
  }
  if (!outputs.report.empty()) {
    attempts.write([&] {
      eval::Report report = begin_report(run, result, outputs.curves);
      eval::add_results(report, result,
                        {.count = static_cast<size_t>(outputs.num_report_pictures), .limits = run.settings.limits});
      write_file_atomically(outputs.report, eval::format_report_html(report));
    });
  }
  attempts.write([&] {
    std::cout << (outputs.json ? format_json_line(scores) + "\n" : eval::format_scores(result.scores)) << std::flush;
  });
  attempts.throw_failure();
}

}  // namespace molmo::commands
