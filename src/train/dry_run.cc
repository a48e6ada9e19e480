// SPDX-License-Identifier: Apache-2.0
#include "train/dry_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "base/number_text.h"
#include "base/strings.h"
#include "data/example_maker.h"
#include "molmo/error.h"
#include "tensor/device.h"
#include "train/choose_recompute.h"
#include "train/pin_models.h"
#include "train/recipe.h"
#include "train/start_checks.h"
#include "train/step_loader.h"
#include "train/step_memory.h"
#include "train/trained_model.h"

namespace molmo::train {
namespace {

constexpr size_t kLongestText = 600;  // bytes of a decoded example

// Lines under a word each: "memory       12.3 GiB ...".
class Lines {
 public:
  void add(std::string_view word, const std::string& text) { text_ += fmt::format("{:<{}}{}\n", word, kWidth, text); }
  const std::string& text() const { return text_; }

 private:
  static constexpr int kWidth = 13;
  std::string text_;
};

// One line, with "[155 image tokens]" for the ids that stand for a picture.
std::string readable(const text::MolmoTokenizer& tokenizer, const std::vector<int64_t>& ids) {
  const text::SpecialTokens& special = tokenizer.special;
  const auto is_image = [&](int64_t id) {
    return id == special.im_start || id == special.im_end || id == special.im_patch || id == special.im_col;
  };
  std::string text;
  for (auto at = ids.begin(); at != ids.end();) {
    const bool images = is_image(*at);
    const auto end = std::find_if(at, ids.end(), [&](int64_t id) { return is_image(id) != images; });
    text += images ? fmt::format("[{} image tokens]", end - at) : tokenizer.decode_all({at, end});
    at = end;
  }
  for (size_t i = 0; (i = text.find('\n', i)) != std::string::npos; i += 2) text.replace(i, 1, "\\n");
  return clip_text(text, kLongestText);
}

void add_example(Lines& lines, const config::TrainConfig& config, const text::MolmoTokenizer& tokenizer,
                 const data::Loader& loader) {
  if (config.stage == config::TrainStage::kTower) return;  // it has no text
  for (const data::MixtureItem& item : loader.first_items(20)) {
    try {
      preprocess::Example example = loader.maker()(item).example;
      const data::Dataset& dataset = loader.maker().datasets()[static_cast<size_t>(item.dataset)];
      const int64_t all = std::ssize(example.input_tokens), kept = std::min<int64_t>(all, config.data.sequence_length);
      example.target_tokens.resize(static_cast<size_t>(kept));
      example.loss_masks.resize(static_cast<size_t>(kept));
      std::vector<int64_t> counted;
      for (size_t i = 0; i < example.loss_masks.size(); ++i)
        if (example.loss_masks[i] > 0) counted.push_back(example.target_tokens[i]);
      const double weight = std::accumulate(example.loss_masks.begin(), example.loss_masks.end(), 0.0,
                                            [](double sum, float w) { return sum + std::max(w, 0.0f); });
      lines.add("example",
                fmt::format("{}:{}", dataset.file.string(), dataset.records[static_cast<size_t>(item.index)].line));
      lines.add("  text", readable(tokenizer, example.target_tokens));
      lines.add("  loss", fmt::format("{} of {} tokens ({:.0f} %), total weight {:.4g}: {}", counted.size(), kept,
                                      100.0 * static_cast<double>(counted.size()) / static_cast<double>(kept), weight,
                                      readable(tokenizer, counted)));
      return;
    } catch (const Error&) {  // a bad example, which the loader has warned of
    }
  }
}

void add_data(Lines& lines, const config::TrainConfig& config, const data::Loader& loader) {
  const double drawn = static_cast<double>(config.steps) * config.global_batch_size;
  for (const data::Loader::Source& source : loader.sources()) {
    const config::DatasetConfig& dataset = config.data.datasets.at(source.name);
    lines.add("data", fmt::format("{}: {} examples of split '{}' in {}, rate {:.3f}, {:.3g} epochs", source.name,
                                  source.num_records, dataset.split, dataset.path, source.rate,
                                  drawn * source.rate / static_cast<double>(source.num_records)));
  }
  const LengthCheck check = check_lengths(config, loader);
  if (!check.lengths.empty())
    lines.add("lengths", fmt::format("{}; cut at {}", check.lengths, config.data.sequence_length));
  for (const std::string& remark : check.remarks) log_warning(remark);
}

struct Sizes {
  int64_t values = 0, trained = 0;
};

Sizes add_optimizer(Lines& lines, const config::TrainConfig& config, TrainedModel& model) {
  Sizes sizes;
  for (const Unit& unit : model.units()) {
    for (const Param& param : unit.params) sizes.values += param.value().numel();
  }
  for (const ParamGroup& group : model.optimizer().groups()) {
    int64_t values = 0;
    for (const Parameter* param : group.params) values += param->value.numel();
    sizes.trained += values;
    const config::ComponentConfig& component = component_config(config.optimizer, group.component);
    lines.add("optimizer",
              fmt::format("{}: {} tensors, {} parameters, peak learning rate {:g} after {} steps", group.name,
                          group.params.size(), format_scaled(values), component.learning_rate, component.warmup_steps));
  }
  return sizes;
}

void add_steps(Lines& lines, const config::TrainConfig& config, StepLoader& loader) {
  lines.add("steps", fmt::format("{} of {} examples in micro-batches of {}", config.steps, config.global_batch_size,
                                 config.micro_batch_size));
  StepTimes work;
  const std::vector<MicroBatch> first = loader.next(work);
  lines.add("first step",
            fmt::format("{} examples in {} micro-batches, {} tokens, {} crops, {:.3g} TFLOP", work.num_examples,
                        first.size(), work.num_tokens, work.num_crops, work.flops / 1e12));
  for (const auto& [name, evaluator] : config.loss_evaluators)
    lines.add("held out", fmt::format("{}: the loss on {}, every {} steps", name, evaluator.path, evaluator.every));
  for (const auto& [name, evaluation] : config.evaluations)
    lines.add("held out", fmt::format("{}: tasks on {}, every {} steps", name, evaluation.data, evaluation.every));
}

void add_memory(Lines& lines, const config::TrainConfig& config, const RunOptions& options, const TrainedModel& model,
                int num_ranks) {
  const int replicas = config.sharding.replicas;
  if (num_ranks % replicas != 0)
    throw Error(
        fmt::format("[train] sharding.replicas, got {}, expected a divisor of the {} ranks", replicas, num_ranks));
  config::TrainConfig resolved = config;
  const double available = available_bytes(options.device, 1);
  if (config.recompute.is_automatic) {
    const size_t chosen =
        choose_recompute(config, model.units(), num_ranks / replicas, compute_type(config, options.device), available);
    resolved.recompute = recompute_choices()[chosen];
  }
  const StepMemory plan =
      plan_step(resolved, model.units(), num_ranks / replicas, compute_type(config, options.device));
  lines.add("recomputed", fmt::format("{}{}", recompute_text(resolved.recompute),
                                      config.recompute.is_automatic
                                          ? fmt::format(", the least that fits {:.0f} % of {} (recompute.auto)",
                                                        100 * kMostMemoryUse, format_bytes(available))
                                          : ""));
  const bool may_defer = num_ranks > 1 && config.sharding.defer_reduction.value_or(true);
  lines.add("memory", fmt::format("about {} on {}: {} of weights, gradients and moments, {} of units at work, {} of "
                                  "activations{}; {} here",
                                  format_bytes(plan.total() - plan.gradients),
                                  num_ranks == 1 ? "one rank" : fmt::format("each of {} ranks", num_ranks),
                                  format_bytes(plan.state + plan.shard_gradients), format_bytes(plan.units), format_bytes(plan.activations),
                                  may_defer ? fmt::format(", and {} of whole gradients where they fit "
                                                          "(sharding.defer_reduction)",
                                                          format_bytes(plan.gradients))
                                            : "",
                                  format_bytes(available)));
}

void add_checkpoints(Lines& lines, const config::TrainConfig& config, const Sizes& sizes) {
  constexpr double kBytes = 4;  // float32: weights, and two moments of what trains
  const double bytes = kBytes * (static_cast<double>(sizes.values) + 2.0 * static_cast<double>(sizes.trained));
  const std::string minutes =
      config.save_minutes > 0 ? fmt::format(" or {:g} minutes", config.save_minutes) : std::string();
  const int num_kept = config.keep_checkpoints + (config.keep_best ? 1 : 0);
  lines.add(
      "checkpoints",
      fmt::format("every {} steps{}, {} each; {} of disk for the {} that are kept and one that is being written",
                  config.save_every, minutes, format_bytes(bytes), format_bytes(bytes * (num_kept + 1)), num_kept));
}

}  // namespace

std::string describe_run(const config::TrainConfig& given, const RunOptions& options, int num_ranks) {
  const bool goes_on = options.resume && !formats::complete_steps(options.out).empty();
  const std::filesystem::path begun = goes_on ? options.out : std::filesystem::path();
  const std::unique_ptr<distributed::Communicator> alone = distributed::connect({}, {});
  const config::TrainConfig config = resolve_recipe(pin_models(given, begun, {}, *alone), begun, options.given);
  config::TrainConfig whole = config;  // the model stays on the meta device: nothing is gathered or computed
  whole.recompute = {};
  whole.sharding.replicas = 1;
  const text::MolmoTokenizer tokenizer = load_checked_tokenizer(config);
  check_loss_evaluators(config, num_ranks);
  TrainedModel model(whole, options.device, *alone);
  StepLoader loader(whole, tokenizer, model, *alone, options.device, {});
  Lines lines;
  lines.add("recipe", fmt::format("stage {}, seed {}", config::enum_name(config.stage), config.seed));
  lines.add("model", model_text(config.molmo, model.molmo().params().num_values()));
  add_data(lines, config, loader.loader());
  add_example(lines, config, tokenizer, loader.loader());
  const Sizes sizes = add_optimizer(lines, config, model);
  add_steps(lines, config, loader);
  lines.add("compute", compute_text(config, options.device));
  add_memory(lines, config, options, model, num_ranks);
  add_checkpoints(lines, config, sizes);
  return lines.text();
}

}  // namespace molmo::train
