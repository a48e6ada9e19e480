// Parameter and tensor totals of every language model with every tower, without allocating a weight (spec/model.md
// §4.1, §5).
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "config/presets.h"
#include "model/layout.h"
#include "model/molmo.h"

namespace molmo::model {
namespace {

struct Total {
  const char* name;
  int64_t num_values;
};

constexpr Total kTotals[] = {
    {"molmo-7b-d", 8'021'025'280},
    {"molmo-7b-o", 7'665'032'192},
    {"molmoe-1b", 7'221'875'712},
    {"molmo-72b", 73'308'285'952},
    {"qwen2-7b+siglip-so400m", 8'149'901'424},
    {"qwen2-7b+dinov2-l", 8'033'669'632},
    {"qwen2-7b+metaclip-l", 8'033'621'504},
    {"olmo-7b-1024+siglip-so400m", 7'791'876'720},
    {"olmo-7b-1024+dinov2-l", 7'677'676'544},
    {"olmo-7b-1024+metaclip-l", 7'677'628'416},
    {"olmoe-1b-7b+siglip-so400m", 7'346'164'336},
    {"olmoe-1b-7b+dinov2-l", 7'234'520'064},
    {"olmoe-1b-7b+metaclip-l", 7'234'471'936},
    {"qwen2-72b+siglip-so400m", 73'439'881'840},
    {"qwen2-72b+dinov2-l", 73'320'930'304},
    {"qwen2-72b+metaclip-l", 73'320'882'176},
};

TEST(Totals, AreThePublishedOnes) {
  for (const auto& [name, num_values] : kTotals) {
    const Molmo molmo(config::preset(name).model);
    EXPECT_EQ(molmo.params().num_values(), num_values) << name;
    for (const Parameter& param : molmo.params().all()) ASSERT_TRUE(param.value.is_meta()) << param.name;
  }
}

TEST(Totals, TensorsOfTheReleasedFiles) {
  const std::pair<const char*, size_t> counts[] = {
      {"molmo-7b-d", 585}, {"molmo-7b-o", 645}, {"molmoe-1b", 549}, {"molmo-72b", 949}};
  for (const auto& [name, count] : counts) {
    const Molmo molmo(config::preset(name).model);
    EXPECT_EQ(molmo.params().all().size(), count) << name;
  }
  const config::ModelConfig config = config::preset("molmoe-1b").model;
  size_t count = 0;
  for (const Recipe& recipe : make_recipes(Layout::kMolmoE, config, Molmo(config).params()))
    count += recipe.sources.size();
  EXPECT_EQ(count, 3573u);
}

TEST(Totals, LaterFamiliesAreOnePageEach) {
  EXPECT_EQ(Molmo(config::preset("qwen2.5-7b+clip-l").model).params().num_values(), 8'021'025'280);
  EXPECT_EQ(Molmo(config::preset("olmo2-7b+clip-l").model).params().num_values(), 7'665'032'192);
}

}  // namespace
}  // namespace molmo::model
