// Configurations of model folders: what a folder may name, what its files say together, and that what is written is
// read.
// SPDX-License-Identifier: Apache-2.0
#include "model/model_folder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/model_files.h"
#include "config/presets.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::model {
namespace {

class ModelFolder : public ::testing::Test {
 protected:
  void put(const std::string& name, const Json& json) const { write_json(folder_ / name, json); }
  config::MolmoConfig read() const { return config::read_model_config(folder_.path()); }
  std::string error() const {
    return molmo::testing::error_of([&] { read(); }, folder_.path().string());
  }

  molmo::testing::TemporaryFolder folder_;
};

TEST_F(ModelFolder, NamesOnlyWhatLiesInIt) {
  Json json = config::to_json(config::preset("molmo-7b-d"));
  for (const char* file : {"/etc/passwd", "../tokenizer.json", "a/../../b", ""}) {
    json["tokenizer"]["file"] = file;
    put("molmo.json", json);
    EXPECT_EQ(error(), std::string("[model] molmo.json: 'tokenizer.file': got \"") + file +
                           "\", expected the name of a file in the model folder");
  }
  json["tokenizer"]["file"] = "files/tokenizer.json";
  put("molmo.json", json);
  EXPECT_EQ(error(), "no error");
  json["base"] = "/etc/hostname";
  put("molmo.json", json);
  EXPECT_TRUE(error().starts_with("[config] molmo.json: unknown key 'base'")) << error();
}

TEST_F(ModelFolder, FilesOfARepositoryAreReadTogether) {
  put("config.json", *config::to_hf_config(config::preset("molmo-7b-d")));
  put("generation_config.json", {{"eos_token_id", 151645}, {"temperature", 0.5}});
  put("preprocessor_config.json", {{"max_crops", 24}});
  const config::MolmoConfig molmo = read();
  EXPECT_EQ(molmo.tokenizer.eos_id, 151645);
  EXPECT_EQ(molmo.tokenizer.bos_id, 151643);
  EXPECT_EQ(molmo.preprocess.max_crops, 24);
  put("preprocessor_config.json", {{"max_crops", 0}});
  EXPECT_EQ(error(),
            "[config] " + folder_.path().string() + ": 'preprocess.max_crops': got 0, expected integer from 1 to 1024");
  put("preprocessor_config.json", Json::object());
  put("quantize_config.json", {{"bits", 4}});
  EXPECT_EQ(error(), "[model] " + folder_.path().string() +
                         ": a quantized copy (it has a quantize_config.json), expected weights in float32, float16 or "
                         "bfloat16: load the original model");
}

TEST_F(ModelFolder, WhatIsWrittenIsRead) {
  write_file_atomically(folder_ / "tokenizer.json", "{}");
  std::vector<std::string> names = config::preset_names();
  for (const std::string& decoder : config::decoder_names()) {
    for (const std::string& tower : config::tower_names()) names.push_back(decoder + "+" + tower);
  }
  for (const std::string& name : names) {
    const molmo::testing::TemporaryFolder first, second;
    const config::MolmoConfig molmo = config::preset(name);
    write_model_config(first.path(), molmo, folder_ / "tokenizer.json");
    EXPECT_EQ(config::diff(molmo, config::read_model_config(first.path())), std::vector<std::string>{}) << name;
    std::filesystem::remove(first / "molmo.json");
    if (!std::filesystem::exists(first / "config.json")) continue;
    const config::MolmoConfig read_back = config::read_model_config(first.path());  // from config.json alone
    write_model_config(second.path(), read_back, folder_ / "absent.json");
    EXPECT_EQ(read_text_file(first / "config.json"), read_text_file(second / "config.json")) << name;
    EXPECT_EQ(config::read_model_config(second.path()).tokenizer.file, "absent.json");
  }
}

TEST_F(ModelFolder, NothingIsWrittenThatNoReaderTakes) {
  config::MolmoConfig molmo = config::preset("molmo-7b-d");
  molmo.tokenizer.eos_id = 200000;
  EXPECT_NE(molmo::testing::error_of([&] { write_model_config(folder_.path(), molmo, ""); }).find("tokenizer.eos_id"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "molmo.json"));
}

TEST_F(ModelFolder, PartsOfAMolmoAreCompared) {
  config::MolmoConfig molmo = config::preset("molmo-7b-d");
  put("molmo.json", config::to_json(molmo));
  const auto error_against = [&](const config::ModelConfig& model, bool is_decoder) {
    return molmo::testing::error_of([&] { expect_part_fits(folder_.path(), model, is_decoder); });
  };
  EXPECT_EQ(error_against(molmo.model, true), "no error");
  molmo.model.decoder.norm_eps = 1e-5;
  EXPECT_EQ(error_against(molmo.model, false), "no error");
  EXPECT_EQ(
      error_against(molmo.model, true),
      "[weights] " + folder_.path().string() +
          ": the part computes something else than the model that it is read into: decoder.norm_eps: 1e-06 -> 1e-05");
}

}  // namespace
}  // namespace molmo::model
