// SPDX-License-Identifier: Apache-2.0
#include "model/model_folder.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/yaml.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/native_config.h"
#include "molmo/error.h"

namespace molmo::model {
namespace {
namespace fs = std::filesystem;
constexpr const char* kMolmoFile = "molmo.json";
constexpr const char* kHfFile = "config.json";
}  // namespace

config::MolmoConfig read_model_config(const fs::path& folder) {
  if (fs::exists(folder / kMolmoFile)) return config::load_config<config::MolmoConfig>(folder / kMolmoFile);
  if (fs::exists(folder / kHfFile))
    return config::from_hf_config(read_json(folder / kHfFile), (folder / kHfFile).string());
  for (const char* name : {"model.yaml", "config.yaml"}) {  // a checkpoint of the public code; it prefers the first too
    if (fs::exists(folder / name))
      return config::molmo_from_checkpoint_config(read_yaml(folder / name), (folder / name).string());
  }
  throw Error(fmt::format("[model] {}: not a model folder, expected {}, {} or config.yaml", folder.string(), kMolmoFile,
                          kHfFile));
}

void write_model_config(const fs::path& folder, config::MolmoConfig config, const fs::path& tokenizer_file) {
  fs::create_directories(folder);
  config.tokenizer.file = copy_into(folder, tokenizer_file).filename().string();
  write_json(folder / kMolmoFile, config::to_json(config));
  if (const auto hf = config::to_hf_config(config)) write_json(folder / kHfFile, *hf);
}

}  // namespace molmo::model
