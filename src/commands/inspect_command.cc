// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/log.h"
#include "base/number_text.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/model_headline.h"
#include "commands/options.h"
#include "config/model_files.h"
#include "config/presets.h"
#include "formats/safetensors.h"
#include "hub/find_model.h"
#include "model/layout.h"
#include "model/memory_plan.h"
#include "model/molmo.h"
#include "molmo/error.h"
#include "preprocess/image_tokens.h"

namespace molmo::commands {
namespace {

namespace fs = std::filesystem;

struct InspectOptions {
  std::string path, preset, dtype = "fp32";
  int64_t rows = 1, new_tokens = 256;
  std::optional<int64_t> crops, prompt_tokens;  ///< none: what a picture of the model takes
  bool wants_memory = false, wants_summary = false, json = false;
};

// The part of a name that the summary adds up: "model.transformer.blocks" without the number.
std::string part_of(const std::string& name) {
  std::vector<std::string> kept;
  for (const std::string& piece : split_text(name, '.')) {
    if (kept.size() == 4 || piece.find_first_not_of("0123456789") == std::string::npos) break;
    kept.push_back(piece);
  }
  return join_text(kept, ".");
}

TensorTotals totals_of(const formats::TensorSource& folder) {
  TensorTotals totals;
  for (const formats::TensorView* view : folder.tensors()) totals.add(*view);
  return totals;
}

void print_tensors(const formats::TensorSource& folder) {
  std::map<std::string, TensorTotals> parts;
  for (const formats::TensorView* view : folder.tensors()) {
    std::cout << fmt::format("{:<72} {:>4}  [{}]\n", view->name, formats::dtype_name(view->dtype),
                             fmt::join(view->shape, ", "));
    parts[part_of(view->name)].add(*view);
  }
  std::cout << "\n";
  const auto line = [](const std::string& name, const TensorTotals& totals) {
    return fmt::format("{:<72} {:>6} tensors {:>16} parameters", name, format_count(totals.num_tensors),
                       format_count(totals.num_values));
  };
  for (const auto& [name, totals] : parts) std::cout << line(name, totals) << "\n";
  const TensorTotals all = totals_of(folder);
  std::cout << line("total", all) << ", " << format_bytes(static_cast<double>(all.num_bytes)) << "\n";
}

void print_json(const InspectOptions& options, const config::MolmoConfig* config, const formats::TensorSource& folder) {
  Json json = headline_json(config, totals_of(folder));
  if (!options.wants_summary) {
    Json tensors = Json::array();
    for (const formats::TensorView* view : folder.tensors())
      tensors.push_back({{"name", view->name}, {"dtype", formats::dtype_name(view->dtype)}, {"shape", view->shape}});
    json["tensors"] = std::move(tensors);
  }
  std::cout << format_json_line(json) << "\n";
}

// What the released files of a preset would hold, without any.
class PresetTensors : public formats::TensorSource {
 public:
  explicit PresetTensors(const std::string& preset) {
    const config::ModelConfig config = config::preset(preset).model;
    const model::Molmo molmo(config);
    for (const model::Recipe& recipe : model::make_recipes(model::released_layout(config), config, molmo.params())) {
      const std::vector<Tensor> parts = model::take_apart(recipe, molmo.params().find(recipe.name)->value);
      for (size_t i = 0; i < parts.size(); ++i) {
        views_[recipe.sources[i]] = {.name = recipe.sources[i],
                                     .dtype = formats::DType::kF32,
                                     .shape = parts[i].sizes().vec(),
                                     .data = {},
                                     .rest = {}};
      }
    }
  }
  const formats::TensorView* find(const std::string& name) const override {
    const auto found = views_.find(name);
    return found == views_.end() ? nullptr : &found->second;
  }
  std::vector<const formats::TensorView*> tensors() const override {
    std::vector<const formats::TensorView*> all;
    for (const auto& [name, view] : views_) all.push_back(&view);
    return all;
  }

 private:
  std::map<std::string, formats::TensorView> views_;
};

// Where nothing is given, every row has a picture that gets as many crops as it can, and a prompt of a few words.
model::MemoryRequest memory_request(const InspectOptions& options, const config::MolmoConfig& config) {
  constexpr int64_t kWords = 64;
  const int64_t room = std::max<int64_t>(1, config.model.decoder.max_positions - options.new_tokens);
  return {.num_rows = options.rows,
          .num_crops = options.crops.value_or(options.rows * preprocess::most_crops(config.preprocess)),
          .num_prompt_tokens =
              options.prompt_tokens.value_or(std::min(room, preprocess::most_image_tokens(config.preprocess) + kWords)),
          .num_new_tokens = options.new_tokens,
          .compute = options.dtype == "bf16" ? at::kBFloat16 : at::kFloat};
}

void print_memory(const InspectOptions& options) {
  const config::MolmoConfig config = options.preset.empty() ? config::read_model_config(hub::find_model(options.path))
                                                            : config::preset(options.preset);
  const model::Molmo molmo(config.model);  // on the meta device
  const model::MemoryRequest request = memory_request(options, config);
  const model::MemoryPlan plan = model::plan_memory(config.model, molmo.params(), request);
  if (options.json) {
    std::cout << format_json_line(Json{{"rows", request.num_rows},
                                       {"crops", request.num_crops},
                                       {"prompt_tokens", request.num_prompt_tokens},
                                       {"new_tokens", request.num_new_tokens},
                                       {"weights", plan.weights},
                                       {"cache", plan.cache},
                                       {"activations", plan.activations},
                                       {"total", plan.total()}})
              << "\n";
    return;
  }
  const auto line = [](const char* what, int64_t bytes) {
    return fmt::format("{:<12} {:>10}\n", what, format_bytes(static_cast<double>(bytes)));
  };
  std::cout << fmt::format("batch size {}, prompts of {} tokens, answers of {} tokens, {} crops in all, {}\n",
                           format_count(request.num_rows), format_count(request.num_prompt_tokens),
                           format_count(request.num_new_tokens), format_count(request.num_crops), options.dtype)
            << line("weights", plan.weights) << line("cache", plan.cache) << line("activations", plan.activations)
            << line("total", plan.total());
}

// The configuration where there is one: weights alone have none.
std::optional<config::MolmoConfig> find_config(const InspectOptions& options, const fs::path& found) {
  if (!options.preset.empty()) return config::preset(options.preset);
  if (!fs::is_directory(found) || !config::holds_model_config(found)) return std::nullopt;
  try {
    return config::read_model_config(found);
  } catch (const Error& error) {  // what cannot be run can be looked at
    log_warning(error.what());
    return std::nullopt;
  }
}

void run_inspect(const InspectOptions& options) {
  expect_single_process(cli::kInspect.name);
  if (options.wants_memory) return print_memory(options);
  const fs::path found = options.preset.empty() ? hub::find_model(options.path) : fs::path();
  const std::unique_ptr<formats::TensorSource> tensors =
      options.preset.empty() ? formats::open_tensors(found) : std::make_unique<PresetTensors>(options.preset);
  const std::optional<config::MolmoConfig> config = find_config(options, found);
  const config::MolmoConfig* known = config ? &*config : nullptr;
  if (options.json) return print_json(options, known, *tensors);
  std::cout << format_headline(known, totals_of(*tensors));
  if (options.wants_summary) return;
  std::cout << "\n";
  print_tensors(*tensors);
}

}  // namespace

void add_inspect(cli::Command& app) {
  auto options = std::make_shared<InspectOptions>();
  cli::Command command = app.subcommand(cli::kInspect.name, cli::kInspect.description);
  cli::Option path = command.option("MODEL", options->path, "model folder, run folder, .safetensors or .pt file");
  const cli::Option preset =
      command.option("--preset", options->preset,
                     "what the released files of a preset hold, in float32: a released model, or LLM+TOWER");
  path.excludes(preset);
  cli::Option summary = command.flag("--summary", options->wants_summary, "without the list of tensors");
  const cli::Option memory =
      command.flag("--memory", options->wants_memory,
                   "instead, the bytes that a batch of prompts takes: weights, key/value cache, activations");
  summary.excludes(memory);
  const auto add_size = [&](const char* flag, auto& value, int64_t least, const char* help) {
    command.option(flag, value, help).needs(memory).within(least, int64_t{1} << 24);
  };
  add_size("--rows", options->rows, 1, "batch size");
  add_size("--crops", options->crops, 0,
           "crops in the whole batch; default: as many as a picture can have, for each row");
  add_size("--prompt-tokens", options->prompt_tokens, 1,
           "tokens of the longest prompt, image tokens included; default: those of such a picture and 64 more");
  add_size("--new-tokens", options->new_tokens, 1, "tokens of an answer");
  command.option("--dtype", options->dtype, "dtype of matrix products").needs(memory).one_of({"fp32", "bf16"});
  command.flag("--json", options->json, "print one JSON object");
  command.require_any("MODEL or --preset", {path, preset});
  command.runs(options, run_inspect);
}

}  // namespace molmo::commands
