// SPDX-License-Identifier: Apache-2.0
#include "model/model_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "config/companion_config.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/native_config.h"
#include "config/part_config.h"
#include "molmo/error.h"

namespace molmo::model {
namespace {
namespace fs = std::filesystem;
constexpr const char* kMolmoFile = "molmo.json";
constexpr const char* kHfFile = "config.json";
constexpr const char* kNativeFiles[] = {"model.yaml", "config.yaml"};  // the public code prefers the first too
// What GPTQ's, AWQ's and NVIDIA's programs leave beside weights that they have packed.
constexpr const char* kQuantizedFiles[] = {"quantize_config.json", "quant_config.json", "hf_quant_config.json"};

using Names = std::vector<std::string>;

void warn_of(const fs::path& file, const char* what, const Names& names) {
  constexpr size_t kMost = 40;
  if (!names.empty())
    log_warning(fmt::format("[model] {}: {}: {}", file.string(), what, join_some(names, ", ", kMost)));
}

constexpr const char* kUnknown = "fields that are not known here and change nothing";

// A model that was downloaded may name what lies in its folder alone.
void expect_inside(const fs::path& file, const fs::path& where) {
  const bool leaves = std::find(file.begin(), file.end(), "..") != file.end();
  if (file.empty() || file.is_absolute() || file.has_root_path() || leaves)
    throw Error(fmt::format("[model] {}: 'tokenizer.file': got \"{}\", expected the name of a file in the model folder",
                            where.string(), file.string()));
}

// Formats that do not name the tokenizer: it is the file that is there.
void find_tokenizer(const fs::path& folder, config::MolmoConfig& molmo) {
  constexpr const char* kSentencePiece = "tokenizer.model";
  if (!fs::exists(folder / molmo.tokenizer.file) && fs::exists(folder / kSentencePiece))
    molmo.tokenizer.file = kSentencePiece;
}

config::MolmoConfig read_hf_folder(const fs::path& folder) {
  const fs::path file = folder / kHfFile;
  for (const char* name : kQuantizedFiles) {
    if (fs::exists(folder / name))
      throw Error(
          fmt::format("[model] {}: a quantized copy (it has a {}), expected weights in float32, float16 or "
                      "bfloat16: load the original model",
                      folder.string(), name));
  }
  Names names;
  config::MolmoConfig molmo = config::from_hf_config(read_json(file), file.string(), &names);
  warn_of(file, kUnknown, names);
  if (const fs::path generation = folder / "generation_config.json"; fs::exists(generation)) {
    names.clear();
    config::read_generation_config(read_json(generation), generation.string(), molmo, names);
    warn_of(generation, "fields that are not taken from here: sampling, search and lengths are options of 'generate'",
            names);
  }
  for (const char* name : {"preprocessor_config.json", "processor_config.json"}) {
    const fs::path processor = folder / name;
    if (!fs::exists(processor)) continue;
    names.clear();
    config::read_processor_config(read_json(processor), processor.string(), molmo, names);
    warn_of(processor, kUnknown, names);
  }
  find_tokenizer(folder, molmo);
  return config::from_json<config::MolmoConfig>(config::to_json(molmo), folder.string());
}

}  // namespace

config::MolmoConfig read_model_config(const fs::path& folder) {
  if (const fs::path file = folder / kMolmoFile; fs::exists(file)) {
    auto molmo = config::from_json<config::MolmoConfig>(read_json(file), file.string());
    expect_inside(molmo.tokenizer.file, file);
    return molmo;
  }
  if (fs::exists(folder / kHfFile)) return read_hf_folder(folder);
  for (const char* name : kNativeFiles) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    Names unknown;
    config::MolmoConfig molmo = config::molmo_from_checkpoint_config(read_yaml(file), file.string(), &unknown);
    warn_of(file, kUnknown, unknown);
    find_tokenizer(folder, molmo);
    return molmo;
  }
  throw Error(fmt::format("[model] {}: not a model folder, expected {}, {} or config.yaml", folder.string(), kMolmoFile,
                          kHfFile));
}

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
      return warn_of(file, kUnknown,
                     is_decoder ? config::expect_decoder_part(hf, model.decoder, file.string())
                                : config::expect_tower_part(hf, model.vit, file.string()));
  }
  const std::vector<std::string> lines = config::part_differences(read_model_config(folder).model, model, is_decoder);
  if (!lines.empty())
    throw Error(fmt::format("[weights] {}: the part computes something else than the model that it is read into: {}",
                            folder.string(), join_some(lines, "; ")));
}

}  // namespace molmo::model
