// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/model_files.h"
#include "config/presets.h"
#include "config/train_config.h"
#include "molmo/error.h"

namespace molmo::cli {
namespace {

namespace fs = std::filesystem;

struct ConfigOptions {
  std::string source, preset, base;
  std::vector<std::string> overrides;
  bool help_keys = false;
};

using AnyConfig = std::variant<config::MolmoConfig, config::TrainConfig>;

// What a config.json or any other file holds: a recipe, a molmo.json, or the config.json of Hugging Face's format.
AnyConfig read_file(const fs::path& file, const std::vector<std::string>& overrides) {
  const Json json = config::read_config_file(file);
  if (json.contains("model") && !json.contains("data"))
    return config::load_config<config::MolmoConfig>(file, overrides);
  if (json.contains("model_type") || json.contains("d_model"))
    return config::override_config(config::from_hf_config(json, file.string()), overrides, file.string());
  return config::load_config<config::TrainConfig>(file, overrides);
}

// A run has a config.json too, which is its recipe; a step of a run is a model.
AnyConfig read_folder(const fs::path& folder, const std::vector<std::string>& overrides) {
  const fs::path file = folder / config::kHfFile;
  const bool is_run = !fs::exists(folder / config::kMolmoFile) && fs::exists(file) && read_json(file).contains("stage");
  if (is_run) return config::load_config<config::TrainConfig>(file, overrides);
  if (config::holds_model_config(folder))
    return config::override_config(config::read_model_config(folder), overrides, folder.string());
  throw Error(
      fmt::format("[config] {}: got a folder without config.json or molmo.json, expected a run folder, a model folder "
                  "or a file",
                  folder.string()));
}

AnyConfig read_any(const std::string& source, const std::vector<std::string>& overrides) {
  return fs::is_directory(source) ? read_folder(source, overrides) : read_file(source, overrides);
}

AnyConfig read_preset(const std::string& name, const std::vector<std::string>& overrides) {
  return config::override_config(config::preset(name), overrides, name);
}

AnyConfig read_base(const std::string& base) {
  if (fs::exists(base)) return read_any(base, {});
  const std::vector<std::string> names = config::preset_names();
  const bool is_preset =
      std::find(names.begin(), names.end(), base) != names.end() || base.find('+') != std::string::npos;
  if (is_preset) return read_preset(base, {});
  throw Error(fmt::format("[config] --diff {}: got neither a file, a folder nor a preset, expected one of them ({})",
                          base, join_text(names, ", ")));
}

void print_keys(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::cout << line << "\n";
  if (lines.empty()) log_info("[config] no difference");
}

// A model and a recipe have the model's keys in common.
void print_difference(const AnyConfig& before, const AnyConfig& after) {
  const auto* old_recipe = std::get_if<config::TrainConfig>(&before);
  const auto* new_recipe = std::get_if<config::TrainConfig>(&after);
  if (old_recipe != nullptr && new_recipe != nullptr) return print_keys(config::diff(*old_recipe, *new_recipe));
  if (old_recipe != nullptr || new_recipe != nullptr)
    log_info("[config] a recipe and a model: only what is below 'molmo' of the recipe is compared");
  const auto model_of = [](const AnyConfig& any, const config::TrainConfig* recipe) {
    return recipe != nullptr ? recipe->molmo : std::get<config::MolmoConfig>(any);
  };
  print_keys(config::diff(model_of(before, old_recipe), model_of(after, new_recipe)));
}

void print_config(const AnyConfig& any) {
  const Json json = std::visit([](const auto& config) { return config::to_json(config); }, any);
  std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  const auto* recipe = std::get_if<config::TrainConfig>(&any);
  if (recipe != nullptr && recipe->init_from)
    log_info(
        fmt::format("[config] molmo.model, molmo.preprocess and molmo.tokenizer follow the weights of init_from ({}) "
                    "when this trains; here they are the recipe's own or defaults",
                    *recipe->init_from));
}

void show(const ConfigOptions& options) {
  if (options.help_keys) {
    std::cout << config::help_keys<config::TrainConfig>(options.source);
    return;
  }
  const AnyConfig any = options.preset.empty() ? read_any(options.source, options.overrides)
                                               : read_preset(options.preset, options.overrides);
  if (options.base.empty()) return print_config(any);
  print_difference(read_base(options.base), any);
}

}  // namespace

void add_config(Command& app) {
  auto options = std::make_shared<ConfigOptions>();
  Command config = app.subcommand("config", "print resolved configs and documented keys");
  Command command = config.subcommand(
      "show",
      "print the resolved config of a recipe, a run or a model, what differs from another, or the meaning of keys");
  const Option source = command.option("CONFIG", options->source,
                                       "recipe, molmo.json, run folder or model folder; with --help-keys: PREFIX");
  command.option("--set", options->overrides, "override a key: a.b=value; a={} empties, a=null removes (repeatable)")
      .one_value_each();
  Option preset =
      command.option("--preset", options->preset,
                     "a model by name instead: " + join_text(config::preset_names(), ", ") + ", or LLM+TOWER");
  preset.excludes(source);
  Option base = command.option("--diff", options->base, "print only what differs from this file, folder or preset");
  const Option help =
      command.flag("--help-keys", options->help_keys,
                   "list the keys of a recipe with their meanings; with PREFIX those with a name that begins so");
  base.excludes(help);
  command.require_any("CONFIG", {source, preset, help});
  command.runs(options, show);
}

}  // namespace molmo::cli
