// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/number_text.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/model_files.h"
#include "hub/find_model.h"
#include "model/convert.h"
#include "model/model_folder.h"
#include "molmo/error.h"

namespace molmo::commands {
namespace {

namespace fs = std::filesystem;

struct ConvertCommandOptions {
  std::string from, config, layout = "released", dtype = "keep";
  fs::path to;
  double max_shard_gb = 5.0;
};

std::optional<formats::DType> parse_dtype(const std::string& name) {
  if (name == "fp32") return formats::DType::kF32;
  if (name == "fp16") return formats::DType::kF16;
  if (name == "bf16") return formats::DType::kBF16;
  return std::nullopt;
}

// Weights alone have no configuration, even where one lies beside them: they may be one shard of a model.
config::MolmoConfig read_config(const ConvertCommandOptions& options, const fs::path& from, const fs::path& folder) {
  if (!options.config.empty()) return config::load_config<config::MolmoConfig>(options.config);
  if (fs::is_directory(from)) return config::read_model_config(from);
  const std::string hint =
      config::holds_model_config(folder)
          ? fmt::format("the model folder {} (it has a configuration), or --config", folder.string())
          : std::string("--config FILE (a molmo.json)");
  throw Error(fmt::format("[convert] {}: got weights without a configuration, expected {}", from.string(), hint));
}

// Python's transformers opens a folder by its config.json.
void say_if_not_for_python(const config::MolmoConfig& config, const ConvertCommandOptions& options) {
  const std::vector<std::string> obstacles = config::hf_obstacles(config);
  if (!obstacles.empty())
    log_info(fmt::format("[convert] {}: no config.json, since Hugging Face's format cannot say all of this model: {}",
                         options.to.string(), join_some(obstacles, "; ", 3)));
  if (options.layout == "native")
    log_info(
        fmt::format("[convert] {}: native names are for molmo and the public training code's loaders; Hugging "
                    "Face's code reads --layout released",
                    options.to.string()));
}

void run_convert(const ConvertCommandOptions& options) {
  expect_single_process(cli::kConvert.name);
  const fs::path from = hub::find_model(options.from);
  const fs::path input = fs::is_directory(from) ? from : from.has_parent_path() ? from.parent_path() : fs::path(".");
  if (fs::exists(options.to) && fs::equivalent(input, options.to))
    throw Error(
        fmt::format("[convert] {}: got the same folder for both, expected another one for --out", from.string()));
  if (fs::is_directory(options.to)) {  // a later load must not meet two sets of weights
    for (const auto& entry : fs::directory_iterator(options.to)) {
      if (entry.path().extension() == ".safetensors")
        throw Error(fmt::format("[convert] {}: holds weights already ({}), expected a new folder for --out",
                                options.to.string(), entry.path().filename().string()));
    }
  }
  const config::MolmoConfig config = read_config(options, from, input);
  const fs::path tokenizer = input / config.tokenizer.file;
  if (!fs::is_regular_file(tokenizer))
    log_warning(fmt::format("[convert] {}: no tokenizer {}, and none in the new folder", input.string(),
                            config.tokenizer.file));
  const model::ConvertReport report = model::convert_weights(
      config.model,
      {.from = from,
       .to = options.to,
       .layout = options.layout == "native" ? model::Layout::kNative : model::released_layout(config.model),
       .dtype = parse_dtype(options.dtype),
       .max_shard_bytes = static_cast<uint64_t>(options.max_shard_gb * 1e9)});
  model::write_model_config(options.to, config, tokenizer);
  say_if_not_for_python(config, options);
  std::cout << fmt::format("{}: {} parameters in {} tensors, {} in {} file{}\n", options.to.string(),
                           format_count(report.num_values), format_count(report.num_tensors),
                           format_bytes(static_cast<double>(report.num_bytes)), report.num_files,
                           report.num_files == 1 ? "" : "s");
}

}  // namespace

void add_convert(cli::Command& app) {
  auto options = std::make_shared<ConvertCommandOptions>();
  cli::Command command = app.subcommand(cli::kConvert.name, cli::kConvert.description);
  command.option("MODEL", options->from, "model folder, run folder, or weights alone (.safetensors, .pt) with --config")
      .required();
  command.option("--out", options->to, "folder to write").required();
  command.option("--config", options->config, "model configuration, where MODEL has none beside it");
  command.option("--layout", options->layout, "tensor names: of the released models, or of the public training code")
      .one_of({"released", "native"});
  command.option("--dtype", options->dtype, "output dtype").one_of({"keep", "fp32", "fp16", "bf16"});
  command.option("--max-shard-gb", options->max_shard_gb, "maximum shard size in GB").between(0.000001, 1e6);
  command.runs(options, run_convert);
}

}  // namespace molmo::commands
