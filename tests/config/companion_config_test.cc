// SPDX-License-Identifier: Apache-2.0
#include "config/companion_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/presets.h"
#include "support/error_of.h"

namespace molmo::config {
namespace {

using testing::error_of;
using Names = std::vector<std::string>;

Names read_generation(const char* text, MolmoConfig& molmo) {
  Names passed_over;
  read_generation_config(parse_json(text, "g"), "generation_config.json", molmo, passed_over);
  return passed_over;
}

TEST(GenerationConfig, EndTokenIsTakenAndTheRestIsListed) {
  MolmoConfig molmo = preset("molmoe-1b");
  EXPECT_EQ(read_generation(R"({"eos_token_id": 50279, "pad_token_id": 1, "transformers_version": "4.43.3",
                                "do_sample": false, "temperature": 1.0})",
                            molmo),
            Names{});
  EXPECT_EQ(read_generation(R"({"do_sample": true, "temperature": 0.6, "top_k": 20, "frob": 1})", molmo),
            (Names{"do_sample", "temperature", "top_k", "frob"}));
  EXPECT_EQ(molmo.tokenizer.eos_id, 50279);
  EXPECT_FALSE(molmo.tokenizer.bos_id.has_value());
}

TEST(GenerationConfig, AnotherEndTokenLeavesTheFirstToken) {
  MolmoConfig molmo = preset("molmo-7b-d");
  read_generation(R"({"eos_token_id": 151645})", molmo);
  EXPECT_EQ(molmo.tokenizer.eos_id, 151645);
  EXPECT_EQ(molmo.tokenizer.bos_id, 151643);
  molmo = preset("molmo-7b-d");
  EXPECT_EQ(read_generation(R"({"eos_token_id": [151645, 151643]})", molmo), Names{"eos_token_id (other than 151643)"});
  EXPECT_EQ(molmo.tokenizer.eos_id, 151643);
}

// As the released repositories have it.
constexpr const char* kProcessor = R"({"auto_map": {}, "base_image_input_size": [336, 336], "do_normalize": true,
  "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
  "image_padding_mask": true, "image_patch_size": 14, "image_processor_type": "MolmoImageProcessor",
  "image_token_length_h": 12, "image_token_length_w": 12, "max_crops": 12, "overlap_margins": [4, 4],
  "processor_class": "MolmoProcessor"})";

TEST(ProcessorConfig, CropsAndStatisticsAreTakenOver) {
  MolmoConfig molmo = preset("molmo-7b-d");
  Names unknown;
  Json json = parse_json(kProcessor, "p");
  read_processor_config(json, "p", molmo, unknown);
  EXPECT_EQ(unknown, Names{});
  json["max_crops"] = 36;
  json["overlap_margins"] = {2, 4};
  json["image_mean"] = json["image_std"] = {0.5, 0.5, 0.5};
  json["frob"] = 1;
  for (const Json& form : {json, Json{{"image_processor", json}, {"processor_class", "MolmoProcessor"}}}) {
    molmo = preset("molmo-7b-d");
    read_processor_config(form, "p", molmo, unknown);
    EXPECT_EQ(molmo.preprocess.max_crops, 36);
    EXPECT_EQ(molmo.preprocess.overlap_margins, (std::array<int, 2>{2, 4}));
    EXPECT_EQ(molmo.preprocess.normalize, NormalizeKind::kSiglip);
  }
  EXPECT_EQ(unknown, (Names{"frob", "image_processor.frob"}));
}

TEST(ProcessorConfig, WhatWouldChangePixelsIsRefusedByName) {
  const auto error_with = [](const char* key, const Json& value) {
    Json json = parse_json(kProcessor, "p");
    json[key] = value;
    MolmoConfig molmo = preset("molmo-7b-d");
    Names unknown;
    return error_of([&] { read_processor_config(json, "p", molmo, unknown); });
  };
  EXPECT_EQ(error_with("do_normalize", false), "[config] p: field 'do_normalize': got false, expected true");
  EXPECT_EQ(error_with("image_mean", {0.1, 0.2, 0.3}),
            "[config] p: field 'image_mean': got [0.1,0.2,0.3], expected that of CLIP, of SigLIP or of ImageNet");
  EXPECT_EQ(error_with("image_std", {0.5, 0.5, 0.5}),
            "[config] p: field 'image_std': got [0.5,0.5,0.5], expected that of the same tower as image_mean");
  EXPECT_EQ(error_with("base_image_input_size", {384, 384}),
            "[config] p: field 'base_image_input_size': got [384,384], expected the model's [336, 336]");
  EXPECT_EQ(error_with("image_patch_size", 16),
            "[config] p: field 'image_patch_size': got 16, expected the model's 14");
  EXPECT_EQ(error_with("size", {{"shortest_edge", 336}}),
            "[config] p: field 'size': got an object, expected height 336 and width 336, as the model has");
  EXPECT_EQ(error_with("resample", 3), "[config] p: field 'resample': got 3, expected 2");
  EXPECT_EQ(error_with("image_padding_mask", false),
            "[config] p: field 'image_padding_mask': got false, expected true, as the model's padding embedding asks");
}

}  // namespace
}  // namespace molmo::config
