// SPDX-License-Identifier: Apache-2.0
#include "config/presets.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/error_text.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/native_config.h"

namespace molmo::config {
namespace {

using testing::error_of;

TEST(Presets, PrintedAndParsedAreTheSame) {
  for (const std::string& name : preset_names()) {
    const MolmoConfig molmo = preset(name);
    const std::string text = to_json(molmo).dump(2);
    EXPECT_EQ(diff(molmo, from_json<MolmoConfig>(parse_json(text, name), name)), std::vector<std::string>{}) << name;
  }
}

TEST(Presets, UnknownNameSuggestsTheNearest) {
  EXPECT_EQ(error_of([] { preset("molmo-7bd"); }),
            "[config] no preset 'molmo-7bd', expected one of molmo-7b-d, molmo-7b-o, molmoe-1b, molmo-72b (did "
            "you mean 'molmo-7b-d'?)");
  EXPECT_EQ(error_of([] { preset("gpt"); }),
            "[config] no preset 'gpt', expected one of molmo-7b-d, molmo-7b-o, molmoe-1b, molmo-72b");
}

TEST(Presets, NativeFieldsSayEverything) {
  for (const std::string& name : preset_names()) {
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
