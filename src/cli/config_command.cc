// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "config/load.h"
#include "config/presets.h"
#include "config/train_config.h"

namespace molmo::cli {
namespace {

struct ConfigOptions {
  std::string file, preset;
  std::vector<std::string> overrides;
  bool help_keys = false;
};

// A file with "model" and without "data" configures a model folder; everything else is a recipe.
bool is_model_file(const Json& json) { return json.contains("model") && !json.contains("data"); }

void print(const Json& json) { std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n"; }

void show(const ConfigOptions& options) {
  if (options.help_keys) {
    std::cout << config::help_keys<config::TrainConfig>();
    return;
  }
  if (!options.preset.empty()) return print(config::to_json(config::preset(options.preset)));
  const bool is_model = is_model_file(config::read_config_file(options.file));
  const Json resolved =
      is_model ? config::to_json(config::load_config<config::MolmoConfig>(options.file, options.overrides))
               : config::to_json(config::load_config<config::TrainConfig>(options.file, options.overrides));
  print(resolved);
}

}  // namespace

void add_config(Command& app) {
  auto options = std::make_shared<ConfigOptions>();
  Command config = app.subcommand("config", "print resolved configs and documented keys");
  Command command = config.subcommand("show", "print the resolved config of a recipe or of a molmo.json");
  const Option file = command.option("FILE", options->file, "recipe or molmo.json");
  command.option("--set", options->overrides, "override a key: a.b=value (repeatable)").one_value_each();
  Option preset = command.option("--preset", options->preset,
                                 "a released model instead of a file: " + join_text(config::preset_names(), ", "));
  preset.excludes(file);
  const Option help = command.flag("--help-keys", options->help_keys, "list every key of a recipe with its meaning");
  command.require_any("FILE", {file, preset, help});
  command.runs(options, show);
}

}  // namespace molmo::cli
