// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
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

void add_config(CLI::App& app, Action& action) {
  auto options = std::make_shared<ConfigOptions>();
  CLI::App* config = app.add_subcommand("config", "look at configs");
  config->require_subcommand(1);
  CLI::App* command = config->add_subcommand("show", "print the resolved config of a recipe or of a molmo.json");
  auto* file = command->add_option("FILE", options->file, "recipe or molmo.json");
  command->add_option("--set", options->overrides, "override a key: a.b=value (repeatable)")->allow_extra_args(false);
  auto* preset = command->add_option("--preset", options->preset,
                                     "a released model instead of a file: " + join_text(config::preset_names(), ", "));
  preset->excludes(file);
  auto* help = command->add_flag("--help-keys", options->help_keys, "list every key of a recipe with its meaning");
  command->callback([options, file, preset, help, &action] {
    if (file->count() + preset->count() + help->count() == 0) throw CLI::RequiredError("FILE");
    action = done_after([options] { show(*options); });
  });
}

}  // namespace molmo::cli
