// SPDX-License-Identifier: Apache-2.0
#include "train/model_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/load.h"
#include "molmo/error.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMolmo = "molmo.", kTokenizerFile = "molmo.tokenizer.file";

// Settings that may differ between a model and a run that begins with its weights. Below "preprocess." the rules that
// tie it to the model's sizes still hold.
constexpr std::string_view kFree[] = {"molmo.preprocess.",
                                      "molmo.model.vit.init_std",
                                      "molmo.model.connector.feature_dropout",
                                      "molmo.model.decoder.attention_dropout",
                                      "molmo.model.decoder.embedding_dropout",
                                      "molmo.model.decoder.load_balancing_weight",
                                      "molmo.model.decoder.router_z_weight",
                                      "molmo.model.decoder.init_std",
                                      "molmo.model.decoder.embedding_init_std",
                                      "molmo.model.decoder.init_cutoff",
                                      "molmo.model.decoder.max_positions"};

// Taken from elsewhere in the recipe in any case.
constexpr std::string_view kElsewhere[] = {"molmo.prompt.", "molmo.model.decoder.residual_dropout",
                                           "molmo.model.decoder.response_dropout"};

template <size_t N>
bool lies_below(const std::string_view (&prefixes)[N], std::string_view key) {
  return std::any_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view prefix) { return key.starts_with(prefix); });
}

// "molmo.model.decoder.width" in the JSON of a MolmoConfig.
Json::json_pointer pointer(std::string_view key) {
  std::string path(key.substr(kMolmo.size() - 1));
  std::replace(path.begin(), path.end(), '.', '/');
  return Json::json_pointer(path);
}

bool is_same_tokenizer(const fs::path& given, const fs::path& own) {
  if (!fs::exists(given) || !fs::exists(own)) return given.filename() == own.filename();
  return fs::equivalent(given, own) || read_text_file(given) == read_text_file(own);
}

}  // namespace

void take_model(const config::MolmoConfig& source, const std::vector<std::string>& given, config::TrainConfig& recipe) {
  const Json said = config::to_json(recipe.molmo), own = config::to_json(source);
  Json taken = own;
  taken["prompt"] = said["prompt"];
  std::vector<std::string> problems;
  for (const std::string& key : given) {
    if (!key.starts_with(kMolmo) || lies_below(kElsewhere, key)) continue;
    const Json &value = said.at(pointer(key)), &theirs = own.at(pointer(key));
    if (value == theirs) continue;
    if (lies_below(kFree, key)) {
      log_info(fmt::format("[train] {}: {}, as the recipe says; {} in init_from", key, value.dump(), theirs.dump()));
      taken.at(pointer(key)) = value;
    } else if (key != kTokenizerFile || !is_same_tokenizer(recipe.molmo.tokenizer.file, source.tokenizer.file)) {
      problems.push_back(fmt::format("'{}': got {}, expected init_from's {}", key, value.dump(), theirs.dump()));
    }
  }
  if (!problems.empty())
    throw Error(
        fmt::format("[train] the recipe contradicts the model of init_from; leave out what follows from its "
                    "weights:\n  {}",
                    join_text(problems, "\n  ")));
  recipe.molmo = config::from_json<config::MolmoConfig>(taken, "the recipe with the model of init_from");
  // The default is the released models'; rows are padded to the longest of a micro-batch, so a limit costs nothing.
  if (std::find(given.begin(), given.end(), "data.sequence_length") == given.end())
    recipe.data.sequence_length = std::min(recipe.data.sequence_length, recipe.molmo.model.decoder.max_positions);
}

void take_stage_dropouts(const std::vector<std::string>& given, config::TrainConfig& recipe) {
  config::DecoderConfig& decoder = recipe.molmo.model.decoder;
  const auto take = [&](const std::string& name, double& model, double stage) {
    const std::string key = "molmo.model.decoder." + name;
    if (model != stage && std::find(given.begin(), given.end(), key) != given.end())
      throw Error(
          fmt::format("[train] '{}': got {}, expected '{}' = {}: a stage sets its own", key, model, name, stage));
    model = stage;
  };
  take("residual_dropout", decoder.residual_dropout, recipe.residual_dropout);
  take("response_dropout", decoder.response_dropout, recipe.response_dropout);
}

}  // namespace molmo::train
