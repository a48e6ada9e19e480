// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "config/model_files.h"
#include "config/presets.h"
#include "formats/safetensors.h"
#include "hub/find_model.h"
#include "model/layout.h"
#include "model/memory_plan.h"
#include "model/molmo.h"

namespace molmo::commands {
namespace {

struct InspectOptions {
  std::string path, preset, dtype = "fp32";
  model::MemoryRequest memory;
  bool wants_memory = false, json = false;
};

struct Totals {
  size_t num_tensors = 0;
  int64_t num_values = 0, num_bytes = 0;
};

int64_t num_values(const formats::TensorView& view) {
  int64_t product = 1;
  for (const int64_t size : view.shape) product *= size;
  return product;
}

// The part of a name that the summary adds up: "model.transformer.blocks" without the number.
std::string part_of(const std::string& name) {
  std::vector<std::string> kept;
  for (const std::string& piece : split_text(name, '.')) {
    if (kept.size() == 4 || piece.find_first_not_of("0123456789") == std::string::npos) break;
    kept.push_back(piece);
  }
  return join_text(kept, ".");
}

void print_text(const formats::TensorSource& folder) {
  std::map<std::string, Totals> parts;
  Totals all;
  for (const formats::TensorView* view : folder.tensors()) {
    std::cout << fmt::format("{:<72} {:>4}  [{}]\n", view->name, formats::dtype_name(view->dtype),
                             fmt::join(view->shape, ", "));
    for (Totals* totals : {&parts[part_of(view->name)], &all}) {
      ++totals->num_tensors;
      totals->num_values += num_values(*view);
      totals->num_bytes += num_values(*view) * static_cast<int64_t>(formats::dtype_size(view->dtype));
    }
  }
  std::cout << "\n";
  for (const auto& [name, totals] : parts)
    std::cout << fmt::format("{:<72} {:>6} tensors {:>16} parameters\n", name, totals.num_tensors, totals.num_values);
  std::cout << fmt::format("{:<72} {:>6} tensors {:>16} parameters, {}\n", "total", all.num_tensors, all.num_values,
                           format_bytes(static_cast<double>(all.num_bytes)));
}

void print_json(const formats::TensorSource& folder) {
  Json tensors = Json::array();
  int64_t total = 0;
  for (const formats::TensorView* view : folder.tensors()) {
    tensors.push_back({{"name", view->name}, {"dtype", formats::dtype_name(view->dtype)}, {"shape", view->shape}});
    total += num_values(*view);
  }
  std::cout << format_json_line(Json{{"tensors", tensors}, {"num_parameters", total}}) << "\n";
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

void print_memory(const InspectOptions& options) {
  const config::MolmoConfig config =
      options.preset.empty() ? config::read_model_config(hub::find_model(options.path)) : config::preset(options.preset);
  const model::Molmo molmo(config.model);  // on the meta device
  model::MemoryRequest request = options.memory;
  request.compute = options.dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  const model::MemoryPlan plan = model::plan_memory(config.model, molmo.params(), request);
  if (options.json) {
    std::cout << format_json_line(Json{{"weights", plan.weights},
                                       {"cache", plan.cache},
                                       {"activations", plan.activations},
                                       {"total", plan.total()}})
              << "\n";
    return;
  }
  const auto line = [](const char* what, int64_t bytes) {
    return fmt::format("{:<12} {:>10}\n", what, format_bytes(static_cast<double>(bytes)));
  };
  std::cout << fmt::format("{} rows of {} prompt and {} new tokens, {} crops, {}\n", request.num_rows,
                           request.num_prompt_tokens, request.num_new_tokens, request.num_crops, options.dtype)
            << line("weights", plan.weights) << line("cache", plan.cache) << line("activations", plan.activations)
            << line("total", plan.total());
}

std::unique_ptr<formats::TensorSource> open_source(const InspectOptions& options) {
  if (!options.preset.empty()) return std::make_unique<PresetTensors>(options.preset);
  return formats::open_tensors(hub::find_model(options.path));
}

void run_inspect(const InspectOptions& options) {
  if (options.wants_memory) return print_memory(options);
  const auto tensors = open_source(options);
  options.json ? print_json(*tensors) : print_text(*tensors);
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
  const cli::Option memory =
      command.flag("--memory", options->wants_memory,
                   "instead, the bytes that a batch of prompts takes: weights, key/value cache, activations");
  const auto add_size = [&](const char* flag, int64_t& value, int64_t least, const char* help) {
    command.option(flag, value, help).needs(memory).within(least, int64_t{1} << 24);
  };
  add_size("--rows", options->memory.num_rows, 1, "prompts answered together");
  add_size("--crops", options->memory.num_crops, 0, "of all rows");
  add_size("--prompt-tokens", options->memory.num_prompt_tokens, 1, "of the longest row, image tokens included");
  add_size("--new-tokens", options->memory.num_new_tokens, 1, "of an answer");
  command.option("--dtype", options->dtype, "of matrix products").needs(memory).one_of({"fp32", "bf16"});
  command.flag("--json", options->json, "print one JSON object");
  command.require_any("MODEL or --preset", {path, preset});
  command.runs(options, run_inspect);
}

}  // namespace molmo::commands
