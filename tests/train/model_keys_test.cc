// SPDX-License-Identifier: Apache-2.0
#include "train/model_keys.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "config/load.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::train {
namespace {

// A recipe file with these keys, over the defaults, as `molmo train` reads it.
class ModelKeys : public ::testing::Test {
 protected:
  void write(const std::string& molmo) {
    write_file_atomically(folder_ / "r.json",
                          R"({"data": {"datasets": {"a": {"path": "d"}}}, "init_from": "m")" + molmo + "}");
    recipe_ = config::load_config<config::TrainConfig>(folder_ / "r.json");
    given_ = config::given_keys(folder_ / "r.json", {});
  }
  std::string error(const std::string& molmo) {
    return testing::error_of([&] {
      write(molmo);
      take_model(source_, given_, recipe_);
    });
  }

  testing::TemporaryFolder folder_;
  config::MolmoConfig source_;
  config::TrainConfig recipe_;
  std::vector<std::string> given_;
};

TEST_F(ModelKeys, FollowTheWeights) {
  source_.model.decoder.num_layers = 3;
  source_.model.decoder.attention_dropout = 0.2;
  EXPECT_EQ(error(""), "no error");
  EXPECT_EQ(recipe_.molmo.model.decoder.num_layers, 3);
  EXPECT_EQ(recipe_.molmo.model.decoder.attention_dropout, 0.2);
  EXPECT_EQ(error(R"(, "molmo": {"model": {"decoder": {"num_layers": 3, "width": 3584}}})"), "no error");
}

TEST_F(ModelKeys, ThatLeaveTheWeightsAloneAreTheRecipes) {
  source_.model.decoder.attention_dropout = 0.2;
  source_.preprocess.max_crops = 36;
  // Also where the recipe says what would be the default.
  EXPECT_EQ(error(R"(, "molmo": {"model": {"decoder": {"attention_dropout": 0.0, "embedding_dropout": 0.1}},
                                 "preprocess": {"max_crops": 12}})"),
            "no error");
  EXPECT_EQ(recipe_.molmo.model.decoder.attention_dropout, 0.0);
  EXPECT_EQ(recipe_.molmo.model.decoder.embedding_dropout, 0.1);
  EXPECT_EQ(recipe_.molmo.preprocess.max_crops, 12);
}

TEST_F(ModelKeys, SequenceLengthFollowsTheModelUnlessItIsGiven) {
  source_.model.decoder.max_positions = 1536;
  EXPECT_EQ(error(""), "no error");
  EXPECT_EQ(recipe_.data.sequence_length, 1536);
  given_.push_back("data.sequence_length");
  recipe_.data.sequence_length = 2304;
  take_model(source_, given_, recipe_);
  EXPECT_EQ(recipe_.data.sequence_length, 2304);  // refused later, by the rules of recipe and model
  source_.model.decoder.max_positions = 4096;
  EXPECT_EQ(error(""), "no error");
  EXPECT_EQ(recipe_.data.sequence_length, 2304);
}

TEST_F(ModelKeys, ThatContradictTheWeightsAreRefusedByName) {
  source_.model.decoder.rope_theta = 1e4;
  source_.tokenizer.file = "elsewhere/other.model";
  EXPECT_EQ(
      error(
          R"(, "molmo": {"model": {"decoder": {"rope_theta": 1000000.0}}, "tokenizer": {"eos_id": 7, "file": "t.json"}})"),
      "[train] the recipe contradicts the model of init_from; leave out what follows from its weights:\n"
      "  'molmo.model.decoder.rope_theta': got 1000000.0, expected init_from's 10000.0\n"
      "  'molmo.tokenizer.eos_id': got 7, expected init_from's 151643\n"
      "  'molmo.tokenizer.file': got \"t.json\", expected init_from's \"elsewhere/other.model\"");
  EXPECT_EQ(error(R"(, "molmo": {"preprocess": {"image_height": 224}})").substr(0, 61),
            "[config] the recipe with the model of init_from: 'preprocess.");
}

TEST_F(ModelKeys, TheSameTokenizerMayLieElsewhere) {
  write_file_atomically(folder_ / "own.model", "pieces");
  write_file_atomically(folder_ / "tokenizer.model", "pieces");
  source_.tokenizer.file = folder_ / "tokenizer.model";
  const std::string molmo = R"(, "molmo": {"tokenizer": {"file": ")" + (folder_ / "own.model").string() + "\"}}";
  EXPECT_EQ(error(molmo), "no error");
  EXPECT_EQ(recipe_.molmo.tokenizer.file, source_.tokenizer.file);
  write_file_atomically(folder_ / "own.model", "others");
  EXPECT_NE(error(molmo).find("'molmo.tokenizer.file': got "), std::string::npos);
}

TEST_F(ModelKeys, AStageSetsItsDropouts) {
  write(R"(, "molmo": {"model": {"decoder": {"residual_dropout": 0.1}}})");
  EXPECT_EQ(
      testing::error_of([&] { take_stage_dropouts(given_, recipe_); }),
      "[train] 'molmo.model.decoder.residual_dropout': got 0.1, expected 'residual_dropout' = 0: a stage sets its own");
  write(R"(, "residual_dropout": 0.1, "molmo": {"model": {"decoder": {"residual_dropout": 0.1}}})");
  EXPECT_EQ(testing::error_of([&] { take_stage_dropouts(given_, recipe_); }), "no error");
  EXPECT_EQ(recipe_.molmo.model.decoder.response_dropout, recipe_.response_dropout);
}

}  // namespace
}  // namespace molmo::train
