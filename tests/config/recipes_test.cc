// The recipes of the released models (configs/train): they load, and hold the paper's figures.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "config/presets.h"
#include "config/train_config.h"
#include "support/paths.h"

namespace molmo::config {
namespace {

TrainConfig recipe(const std::string& model, const std::string& stage) {
  return load_config<TrainConfig>(molmo::testing::data_directory() / "../../configs/train" / model / (stage + ".json"));
}

TEST(Recipes, StartFromTheReleasedModels) {
  for (const std::string& name : preset_names()) {
    const TrainConfig caption = recipe(name, "caption");
    const MolmoConfig expected = preset(name);
    EXPECT_EQ(diff(expected.model, caption.molmo.model), std::vector<std::string>{}) << name;
    EXPECT_EQ(to_json(caption.molmo).at("preprocess"), to_json(expected).at("preprocess")) << name;
    EXPECT_EQ(to_json(caption.molmo).at("tokenizer"), to_json(expected).at("tokenizer")) << name;
    EXPECT_TRUE(caption.init_llm_from && caption.init_tower_from) << name;
  }
}

// [P Table 6]: steps of the SFT, and the decoder's rates in both stages.
TEST(Recipes, HoldThePublishedHyperParameters) {
  struct Row {
    const char* name;
    int64_t sft_steps;
    double caption_llm, sft_llm, sft_vit;
  };
  for (const Row& row : {Row{"molmoe-1b", 30000, 2e-5, 2e-5, 5e-6}, Row{"molmo-7b-o", 32000, 2e-5, 1e-5, 5e-6},
                         Row{"molmo-7b-d", 30000, 2e-5, 1e-5, 5e-6}, Row{"molmo-72b", 20000, 1e-5, 5e-6, 3e-6}}) {
    const TrainConfig caption = recipe(row.name, "caption"), sft = recipe(row.name, "sft"),
                      high_res = recipe(row.name, "high-res");
    EXPECT_EQ(caption.steps, 22300);
    EXPECT_EQ(caption.global_batch_size, 128);
    EXPECT_EQ(caption.optimizer.llm.learning_rate, row.caption_llm) << row.name;
    EXPECT_EQ(caption.optimizer.llm.warmup_steps, 2000);
    EXPECT_EQ(caption.optimizer.connector.learning_rate, 2e-4);
    EXPECT_EQ(caption.optimizer.connector.warmup_steps, 200);
    EXPECT_EQ(caption.response_dropout, 0.1);
    EXPECT_EQ(sft.steps, row.sft_steps) << row.name;
    EXPECT_EQ(sft.global_batch_size, 256);
    EXPECT_EQ(sft.optimizer.llm.learning_rate, row.sft_llm) << row.name;
    EXPECT_EQ(sft.optimizer.vit.learning_rate, row.sft_vit) << row.name;
    EXPECT_EQ(sft.residual_dropout, 0.1);
    EXPECT_EQ(sft.response_dropout, 0.0);
    EXPECT_EQ(sft.data.datasets.size(), 31u);
    EXPECT_EQ(high_res.max_crops, 36);
    EXPECT_EQ(high_res.steps, 3000);
    EXPECT_EQ(high_res.optimizer.llm.learning_rate, 5e-6);
    EXPECT_EQ(high_res.data.sequence_length, 4096);
    for (const TrainConfig& stage : {caption, sft, high_res}) {
      EXPECT_EQ(stage.optimizer.llm.eps, 1e-6);
      EXPECT_EQ(stage.optimizer.llm.betas, (std::array<double, 2>{0.9, 0.95}));
      EXPECT_EQ(stage.optimizer.final_fraction, 0.1);
      EXPECT_EQ(stage.optimizer.embedding, EmbeddingTraining::kLmHead);
    }
  }
}

// Fine-tuning on some hundred pictures: rates of the released models' last stage, evaluations on, and nothing that a
// model has to fit.
TEST(Recipes, FineTuneWithoutSurprises) {
  for (const char* folder : {"", "quickstart"}) {
    const TrainConfig tune = recipe(folder, "finetune");
    EXPECT_EQ(tune.stage, TrainStage::kSft);
    EXPECT_TRUE(tune.init_from);
    for (const ComponentConfig* component : {&tune.optimizer.connector, &tune.optimizer.vit, &tune.optimizer.llm})
      EXPECT_LE(component->warmup_steps, tune.steps / 10);
    EXPECT_LE(tune.global_batch_size, 16);
    EXPECT_FALSE(tune.evaluations.empty() || tune.loss_evaluators.empty());
    EXPECT_EQ(tune.data.datasets.at("own").split, "train");
    EXPECT_EQ(tune.evaluations.at("own").split, "validation");
  }
  EXPECT_EQ(recipe("", "finetune").optimizer.llm.learning_rate,
            recipe("molmo-7b-d", "sft").optimizer.llm.learning_rate);
}

}  // namespace
}  // namespace molmo::config
