// SPDX-License-Identifier: Apache-2.0
#include "train/monitor.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/tensorboard.h"
#include "molmo/error.h"
#include "train/schedule.h"

namespace molmo::train {
namespace {

constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr const char* kEvaluationsFile = "evaluations.jsonl";

// Of a record; nothing for what is none.
std::optional<int64_t> step_of(std::string_view line) {
  try {
    return parse_json(line, "a record").at("step").get<int64_t>();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// Drops the lines of steps that a resumed run will do again, and torn ones: a run that is killed may leave half of its
// last line, and a disk that loses power worse.
void cut_records(const std::filesystem::path& path, int64_t last_step) {
  if (!std::filesystem::exists(path)) return;
  const std::string text = read_text_file(path);
  std::string kept;
  for_each_line(text, [&](size_t number, std::string_view line) {
    const std::optional<int64_t> step = step_of(line);
    if (!step) return log_warning(fmt::format("[train] {}:{}: dropped a torn line", path.string(), number));
    if (*step <= last_step) kept.append(line).push_back('\n');
  });
  if (kept != text) write_file_atomically(path, kept);
}

Json metrics_line(const config::TrainConfig& config, int num_ranks, int64_t step, const StepResult& result,
                  const StepTimes& times) {
  Json line{{"step", step},
            {"cross_entropy", result.cross_entropy},
            {"z_loss", result.z_loss},
            {"accuracy", result.accuracy},
            {"loss_weight", result.weight_sum},
            {"grad_norm", result.clip.total_norm},
            {"clipping_rate", result.clip.clipping_rate}};
  if (config.molmo.model.decoder.block == config::BlockKind::kMoe) {
    line["load_balancing"] = result.load_balancing;
    line["router_z"] = result.router_z;
  }
  for (const Component component : kComponents) {
    const std::string name(component_name(component));
    line["grad_norm_" + name] = result.clip.norms[static_cast<size_t>(component)];
    line["learning_rate_" + name] =
        learning_rate(config.optimizer, component_config(config.optimizer, component), step, config.steps);
  }
  line["examples_per_second"] = static_cast<double>(times.num_examples) / times.seconds;
  line["tokens_per_second"] = static_cast<double>(times.num_tokens) / times.seconds;
  line["crops_per_second"] = static_cast<double>(times.num_crops) / times.seconds;
  line["data_wait_share"] = times.data_wait_seconds / times.seconds;
  line["flops_per_second"] = times.flops / times.seconds;
  if (config.peak_tflops)
    line["mfu"] = times.flops / times.seconds / (*config.peak_tflops * 1e12 * static_cast<double>(num_ranks));
  line["memory_bytes"] = times.memory_bytes;
  if (times.device_memory_bytes > 0) line["device_memory_bytes"] = times.device_memory_bytes;
  if (times.save_seconds > 0) line["save_wait_seconds"] = times.save_seconds;
  line["seconds"] = times.seconds;
  if (result.is_skipped) line["skipped"] = true;
  return line;
}

}  // namespace

struct Monitor::Files {
  AppendFile metrics;
  std::optional<AppendFile> evaluations;
  formats::TensorBoardWriter events;
};

Monitor::Monitor(const std::filesystem::path& run, const config::TrainConfig& config, int num_ranks, int64_t first_step)
    : config_(config),
      num_ranks_(num_ranks),
      progress_(std::string(config::enum_name(config.stage)), first_step, config.steps, config.log_every) {
  cut_records(run / kMetricsFile, first_step);
  cut_records(run / kEvaluationsFile, first_step);
  files_.reset(new Files{AppendFile(run / kMetricsFile), {}, formats::TensorBoardWriter(run, first_step + 1)});
  if (!config.loss_evaluators.empty() || !config.evaluations.empty())
    files_->evaluations.emplace(run / kEvaluationsFile);
  if (!config.keep_best) return;
  best_.emplace(*config.keep_best);
  for_each_json_line(run / kEvaluationsFile, [&](size_t, const Json& line) { best_->see(line); });
}

Monitor::~Monitor() = default;

void Monitor::append_evaluation(const Json& line) {
  files_->evaluations->append(format_json_line(line) + "\n");
  if (best_ && best_->see(line))
    log_info(fmt::format("[train] step {} is the best so far by {}", *best_->step(), *config_.keep_best));
}

void Monitor::close() {
  files_->metrics.close();
  if (files_->evaluations) files_->evaluations->close();
  files_->events.close();
}

void Monitor::record(int64_t step, const StepResult& result, const StepTimes& times) {
  const Json line = metrics_line(config_, num_ranks_, step, result, times);
  files_->metrics.append(format_json_line(line) + "\n");
  for (const auto& [name, value] : line.items()) {
    if (name != "step" && value.is_number()) files_->events.add_scalar("train/" + name, value.get<double>(), step);
  }
  if (result.is_skipped)
    log_warning(fmt::format(
        "[train] step {} skipped: no loss token, or cross_entropy {:g} or grad_norm {:g} not finite or too large", step,
        result.cross_entropy, result.clip.total_norm));
  progress_.show(step, fmt::format("cross_entropy {:.4f}  accuracy {:.3f}  {:.3g} examples/s", result.cross_entropy,
                                   result.accuracy, static_cast<double>(times.num_examples) / times.seconds));
}

void Monitor::record(int64_t step, const EvaluatedLoss& loss) {
  const Json line{{"step", step},          {"evaluator", loss.name},    {"cross_entropy", loss.cross_entropy},
                  {"z_loss", loss.z_loss}, {"accuracy", loss.accuracy}, {"examples", loss.num_examples}};
  append_evaluation(line);
  for (const char* key : {"cross_entropy", "z_loss", "accuracy"})
    files_->events.add_scalar(fmt::format("{}/{}", loss.name, key), line.at(key).get<double>(), step);
  log_info(fmt::format("[train] step {}, {}: cross_entropy {:.4f}, accuracy {:.3f} on {} examples", step, loss.name,
                       loss.cross_entropy, loss.accuracy, loss.num_examples));
}

void Monitor::record(int64_t step, const std::string& evaluation, const std::map<std::string, double>& scores) {
  Json line{{"step", step}, {"evaluation", evaluation}};
  std::string text;
  for (const auto& [name, score] : scores) {
    line[name] = score;
    text += fmt::format(", {} {:.3f}", name, score);
    files_->events.add_scalar(evaluation + "/" + name, score, step);
  }
  append_evaluation(line);
  log_info(fmt::format("[train] step {}, {}{}", step, evaluation, text));
}

std::set<std::string> Monitor::evaluations_of(int64_t step) const {
  std::set<std::string> keys;
  for_each_json_line(files_->evaluations->path(), [&](size_t, const Json& line) {
    if (line.at("step").get<int64_t>() != step) return;
    keys.insert(line.contains("evaluation") ? task_key(line.at("evaluation")) : loss_key(line.at("evaluator")));
  });
  return keys;
}

}  // namespace molmo::train
