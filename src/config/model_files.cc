// SPDX-License-Identifier: Apache-2.0
#include "config/model_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "config/companion_config.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/native_config.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

namespace fs = std::filesystem;

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
void find_tokenizer(const fs::path& folder, MolmoConfig& molmo) {
  constexpr const char* kSentencePiece = "tokenizer.model";
  if (!fs::exists(folder / molmo.tokenizer.file) && fs::exists(folder / kSentencePiece))
    molmo.tokenizer.file = kSentencePiece;
}

MolmoConfig read_hf_folder(const fs::path& folder) {
  const fs::path file = folder / kHfFile;
  for (const char* name : kQuantizedFiles) {
    if (fs::exists(folder / name))
      throw Error(
          fmt::format("[model] {}: a quantized copy (it has a {}), expected weights in float32, float16 or "
                      "bfloat16: load the original model",
                      folder.string(), name));
  }
  Names names;
  MolmoConfig molmo = from_hf_config(read_json(file), file.string(), &names);
  warn_of_unknown(file, names);
  if (const fs::path generation = folder / "generation_config.json"; fs::exists(generation)) {
    names.clear();
    read_generation_config(read_json(generation), generation.string(), molmo, names);
    warn_of(generation, "fields that are not taken from here: sampling, search and lengths are options of 'generate'",
            names);
  }
  for (const char* name : {"preprocessor_config.json", "processor_config.json"}) {
    const fs::path processor = folder / name;
    if (!fs::exists(processor)) continue;
    names.clear();
    read_processor_config(read_json(processor), processor.string(), molmo, names);
    warn_of_unknown(processor, names);
  }
  find_tokenizer(folder, molmo);
  return from_json<MolmoConfig>(to_json(molmo), folder.string());
}

}  // namespace

void warn_of_unknown(const fs::path& file, const Names& names) { warn_of(file, kUnknown, names); }

bool holds_model_config(const fs::path& folder) {
  const auto exists = [&](const char* name) { return fs::exists(folder / name); };
  return exists(kMolmoFile) || exists(kHfFile) || std::any_of(std::begin(kNativeFiles), std::end(kNativeFiles), exists);
}

MolmoConfig read_model_config(const fs::path& folder) {
  if (const fs::path file = folder / kMolmoFile; fs::exists(file)) {
    auto molmo = from_json<MolmoConfig>(read_json(file), file.string());
    expect_inside(molmo.tokenizer.file, file);
    return molmo;
  }
  if (fs::exists(folder / kHfFile)) return read_hf_folder(folder);
  for (const char* name : kNativeFiles) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    Names unknown;
    MolmoConfig molmo = molmo_from_checkpoint_config(read_yaml(file), file.string(), &unknown);
    warn_of_unknown(file, unknown);
    find_tokenizer(folder, molmo);
    return molmo;
  }
  throw Error(fmt::format("[model] {}: not a model folder, expected {}, {} or config.yaml", folder.string(), kMolmoFile,
                          kHfFile));
}

}  // namespace molmo::config
