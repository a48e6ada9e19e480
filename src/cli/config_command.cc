// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

#include "base/json.h"
#include "cli/app.h"
#include "config/load.h"
#include "config/train_config.h"

namespace molmo::cli {
namespace {

struct ConfigOptions {
  std::string file;
  std::vector<std::string> overrides;
  bool help_keys = false;
};

// A file with "model" and without "data" configures a model folder; everything else is a recipe.
bool is_model_file(const Json& json) { return json.contains("model") && !json.contains("data"); }

void show(const ConfigOptions& options) {
  if (options.help_keys) {
    std::cout << config::help_keys<config::TrainConfig>();
    return;
  }
  const bool is_model = is_model_file(config::read_config_file(options.file));
  const Json resolved = is_model ? config::to_json(config::load_config<config::MolmoConfig>(options.file, options.overrides))
                                 : config::to_json(config::load_config<config::TrainConfig>(options.file, options.overrides));
  std::cout << resolved.dump(2) << "\n";
}

}  // namespace

void add_config(CLI::App& app, Action& action) {
  auto options = std::make_shared<ConfigOptions>();
  CLI::App* config = app.add_subcommand("config", "look at configs");
  config->require_subcommand(1);
  CLI::App* command = config->add_subcommand("show", "print the resolved config of a recipe or of a molmo.json");
  auto* file = command->add_option("FILE", options->file, "recipe or molmo.json");
  command->add_option("--set", options->overrides, "override a key: a.b=value (repeatable)")->allow_extra_args(false);
  auto* help = command->add_flag("--help-keys", options->help_keys, "list every key of a recipe with its meaning");
  command->callback([options, file, help, &action] {
    if (file->count() == 0 && help->count() == 0) throw CLI::RequiredError("FILE");
    action = [options] { show(*options); };
  });
}

}  // namespace molmo::cli
