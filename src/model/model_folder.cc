// SPDX-License-Identifier: Apache-2.0
#include "model/model_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/model_files.h"
#include "config/part_config.h"
#include "molmo/error.h"

namespace molmo::model {
namespace {

namespace fs = std::filesystem;

using config::kHfFile, config::kMolmoFile, config::kNativeFiles;

}  // namespace

void write_model_config(const fs::path& folder, config::MolmoConfig config, const fs::path& tokenizer_file) {
  fs::create_directories(folder);
  if (fs::is_regular_file(tokenizer_file)) {
    config.tokenizer.file = copy_into(folder, tokenizer_file).filename().string();
  } else {
    config.tokenizer.file = tokenizer_file.filename().string();
  }
  const Json json = config::to_json(config);
  config::from_json<config::MolmoConfig>(json, (folder / kMolmoFile).string());  // nothing that no reader takes
  write_json(folder / kMolmoFile, json);
  if (const auto hf = config::to_hf_config(config)) write_json(folder / kHfFile, *hf);
}

void expect_part_fits(const fs::path& path, const config::ModelConfig& model, bool is_decoder) {
  const fs::path folder = fs::is_directory(path) ? path : path.has_parent_path() ? path.parent_path() : fs::path(".");
  const fs::path file = folder / kHfFile;
  const auto exists = [&](const char* name) { return fs::exists(folder / name); };
  const bool has_molmo = exists(kMolmoFile) || std::any_of(std::begin(kNativeFiles), std::end(kNativeFiles), exists);
  if (!has_molmo && !fs::exists(file)) {
    log_warning(fmt::format("[weights] {}: no {} beside it: heads, epsilons and the like are taken from the recipe",
                            path.string(), kHfFile));
    return;
  }
  if (!has_molmo) {
    const Json hf = read_json(file);
    if (hf.is_object() && hf.value("model_type", Json()) != "molmo")
      return config::warn_of_unknown(file, is_decoder ? config::expect_decoder_part(hf, model.decoder, file.string())
                                                      : config::expect_tower_part(hf, model.vit, file.string()));
  }
  const std::vector<std::string> lines =
      config::part_differences(config::read_model_config(folder).model, model, is_decoder);
  if (!lines.empty())
    throw Error(fmt::format("[weights] {}: the part computes something else than the model that it is read into: {}",
                            folder.string(), join_some(lines, "; ")));
}

}  // namespace molmo::model
