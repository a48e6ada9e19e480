// SPDX-License-Identifier: Apache-2.0
#include "tensor/param_role.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/presets.h"
#include "model/molmo.h"
#include "model/tiny_config.h"
#include "support/name_rules.h"
#include "train/groups.h"
#include "train/objective.h"

namespace molmo::train {
namespace {

// Each module gives its parameters the role that the public code reads off their names.
void expect_named_roles(const ParamSet& params, const std::string& model) {
  ASSERT_FALSE(params.all().empty()) << model;
  for (const Parameter& param : params.all()) {
    const std::string where = model + ": " + param.name;
    EXPECT_EQ(param.role.component, testing::component_of_name(param.name)) << where;
    EXPECT_EQ(param.role.place, testing::place_of_name(param.name)) << where;
    EXPECT_EQ(param.role.decays, testing::name_decays(param.name)) << where;
    EXPECT_EQ(param.role.kind == ParamKind::kMatrix, testing::names_matrix(param.name, param.value.dim())) << where;
  }
}

void expect_named_roles(const config::ModelConfig& config, const std::string& model) {
  const model::Molmo molmo(config);  // on the meta device
  expect_named_roles(molmo.params(), model);
}

TEST(ParamRole, IsThatOfTheNameInReleasedModels) {
  for (const std::string& name : config::preset_names()) expect_named_roles(config::preset(name).model, name);
}

TEST(ParamRole, IsThatOfTheNameInPairs) {
  for (const std::string& decoder : config::decoder_names()) {
    const std::string name = decoder + "+" + config::tower_names().front();
    expect_named_roles(config::preset(name).model, name);
  }
  for (const std::string& tower : config::tower_names()) {
    const std::string name = config::decoder_names().front() + "+" + tower;
    expect_named_roles(config::preset(name).model, name);
  }
}

TEST(ParamRole, IsThatOfTheNameWhateverTheSwitches) {
  using namespace config;
  const auto expect = [](const std::string& what, const auto& change) {
    ModelConfig config = testing::tiny_model_config();
    change(config);
    expect_named_roles(config, what);
  };
  expect("as it is", [](ModelConfig&) {});
  expect("one table", [](ModelConfig& c) { c.decoder.additional_vocab_size = 0; });
  expect("tied head", [](ModelConfig& c) { c.decoder.tied_head = true; });
  expect("learned positions", [](ModelConfig& c) { c.decoder.rope = false; });
  expect("norms with biases",
         [](ModelConfig& c) { c.decoder.norm = NormKind::kLayerNorm, c.decoder.norm_bias = true; });
  expect("q/k norms", [](ModelConfig& c) { c.decoder.qk_norm = true; });
  expect("biases", [](ModelConfig& c) { c.decoder.linear_bias = true; });
  expect("separate matrices", [](ModelConfig& c) { c.decoder.block = BlockKind::kLlama; });
  for (const PaddingEmbedKind kind : {PaddingEmbedKind::kNone, PaddingEmbedKind::kPadEmbed, PaddingEmbedKind::kRegress,
                                      PaddingEmbedKind::kPadAndPartialPad})
    expect("padding embedding", [kind](ModelConfig& c) { c.connector.padding_embed = kind; });
  for (const ProjectorKind kind : {ProjectorKind::kLinear, ProjectorKind::kMlp, ProjectorKind::kTwoMlps})
    expect("projector", [kind](ModelConfig& c) { c.connector.projector = kind; });
}

TEST(ParamRole, IsThatOfTheNameInTheTowersHead) {
  const model::Molmo molmo(testing::tiny_model_config());
  TowerObjective objective(molmo, /*num_kinds=*/3);
  expect_named_roles(objective.params(), "tower head");
}

// By these a recipe says what is computed again in backward.
TEST(ParamRole, UnitsKnowTheirComponentAndBlock) {
  const model::Molmo molmo(testing::tiny_model_config());
  int num_blocks = 0;
  for (const Unit& unit : molmo.units()) {
    const bool is_connector = unit.name == "model.vision_backbone.connector";
    EXPECT_EQ(unit.component, is_connector ? Component::kConnector : testing::component_of_name(unit.name + "."))
        << unit.name;
    const size_t at = unit.name.find("blocks.");  // resblocks too
    EXPECT_EQ(unit.block.has_value(), at != std::string::npos) << unit.name;
    if (!unit.block) continue;
    EXPECT_EQ(unit.name.substr(at), fmt::format("blocks.{}", *unit.block));
    ++num_blocks;
  }
  EXPECT_EQ(num_blocks, 2 + 3);  // of decoder and tower
}

TEST(ParamRole, SaysWhatARecipeFreezes) {
  model::Molmo molmo(testing::tiny_model_config());
  config::OptimizerConfig optimizer;
  const auto trains = [&](const std::string& name) {
    mark_trained(molmo.params(), optimizer);
    return molmo.params().find("model.transformer." + name)->value.requires_grad();
  };
  optimizer.embedding = config::EmbeddingTraining::kLmHead;
  EXPECT_FALSE(trains("wte.embedding"));
  EXPECT_TRUE(trains("wte.new_embedding"));
  EXPECT_TRUE(trains("ff_out.weight"));
  optimizer.embedding = config::EmbeddingTraining::kLnF;
  EXPECT_FALSE(trains("wte.embedding"));
  EXPECT_FALSE(trains("ff_out.weight"));
  EXPECT_TRUE(trains("ln_f.weight"));
  EXPECT_TRUE(trains("blocks.0.ff_out.weight")) << "is no head";
  optimizer.embedding = config::EmbeddingTraining::kWte;
  EXPECT_TRUE(trains("wte.embedding"));
  EXPECT_FALSE(trains("ln_f.weight"));
  optimizer.connector.train = false;
  EXPECT_FALSE(trains("wte.new_embedding"));
  optimizer.llm.train = false;
  EXPECT_FALSE(trains("blocks.0.ff_out.weight"));
}

// Groups hold what has gradients turned on, and turn on none themselves.
TEST(ParamRole, GroupsChangeNothing) {
  model::Molmo molmo(testing::tiny_model_config());
  EXPECT_TRUE(make_groups(molmo.params(), {}).empty());
  mark_trained(molmo.params(), {});
  EXPECT_EQ(make_groups(molmo.params(), {}).size(), 6u);
}

}  // namespace
}  // namespace molmo::train
