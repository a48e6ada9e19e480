// SPDX-License-Identifier: Apache-2.0
#include "config/presets.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/hf_config.h"
#include "config/load.h"
#include "config/native_config.h"
#include "config/native_writer.h"
#include "support/error_of.h"

namespace molmo::config {
namespace {

using testing::error_of;

// The released models and every pair of a language model and a tower.
std::vector<std::string> all_names() {
  std::vector<std::string> names = preset_names();
  for (const std::string& decoder : decoder_names()) {
    for (const std::string& tower : tower_names()) names.push_back(decoder + "+" + tower);
  }
  return names;
}

TEST(Presets, PrintedAndParsedAreTheSame) {
  for (const std::string& name : all_names()) {
    const MolmoConfig molmo = preset(name);
    const std::string text = to_json(molmo).dump(2);
    EXPECT_EQ(diff(molmo, from_json<MolmoConfig>(parse_json(text, name), name)), std::vector<std::string>{}) << name;
  }
}

TEST(Presets, UnknownNameSuggestsTheNearest) {
  EXPECT_EQ(error_of([] { preset("molmo-7bd"); }),
            "[config] no preset 'molmo-7bd', expected one of molmo-7b-d, molmo-7b-o, molmoe-1b, molmo-72b, "
            "LLM+TOWER (did you mean 'molmo-7b-d'?)");
  EXPECT_EQ(error_of([] { preset("gpt"); }),
            "[config] no preset 'gpt', expected one of molmo-7b-d, molmo-7b-o, molmoe-1b, molmo-72b, LLM+TOWER");
  EXPECT_EQ(error_of([] { preset("qwen2-7b+siglip"); }),
            "[config] no tower 'siglip', expected one of clip-l, siglip-so400m, metaclip-l, dinov2-l");
  EXPECT_EQ(error_of([] { preset("qwen27b+clip-l"); }),
            "[config] no language model 'qwen27b', expected one of qwen2-7b, qwen2-72b, olmo-7b-1024, olmoe-1b-7b, "
            "qwen2.5-7b, olmo2-7b (did you mean 'qwen2-7b'?)");
}

TEST(Presets, NativeFieldsSayEverything) {
  for (const std::string& name : all_names()) {
    MolmoConfig molmo = preset(name);
    MolmoConfig read = molmo_from_native(to_native(molmo), name);
    read.tokenizer = molmo.tokenizer;
    EXPECT_EQ(diff(molmo, read), std::vector<std::string>{}) << name;
  }
}

TEST(Presets, ReleasedOnesSurviveTheHuggingFaceConfig) {
  for (const std::string& name : preset_names()) {
    const MolmoConfig molmo = preset(name);
    const std::optional<Json> hf = to_hf_config(molmo);
    ASSERT_TRUE(hf.has_value()) << name;
    MolmoConfig read = from_hf_config(*hf, name);
    read.model.decoder.init_cutoff =
        molmo.model.decoder.init_cutoff;  // training only; MolmoE's file says it, the others do not
    EXPECT_EQ(read.tokenizer.pad_to.has_value(), molmo.tokenizer.pad_to.has_value());
    EXPECT_EQ(diff(molmo, read), std::vector<std::string>{}) << name;
  }
}

}  // namespace
}  // namespace molmo::config
