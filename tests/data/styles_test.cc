// SPDX-License-Identifier: Apache-2.0
#include "data/styles.h"

#include <gtest/gtest.h>

#include <set>

#include "data/prompt_templates.h"
#include "support/error_of.h"

namespace molmo::data {
namespace {

TEST(Styles, AreKnownByName) {
  const std::vector<std::string> styles = known_styles();
  EXPECT_EQ(std::set<std::string>(styles.begin(), styles.end()).size(), styles.size());
  for (const std::string& style : styles) EXPECT_EQ(testing::error_of([&] { expect_known_style(style); }), "no error");
  for (const std::string_view style : kDemoStyles)
    EXPECT_EQ(testing::error_of([&] { expect_known_style(style); }), "no error");
  const std::string error = testing::error_of([] { expect_known_style("chartqa"); });
  EXPECT_TRUE(error.starts_with("[prompt] style 'chartqa', expected one of demo, user_qa,")) << error;
  EXPECT_TRUE(
      error.ends_with("(did you mean 'chart_qa'?); a tag of your own data is written before the prompt: "
                      "'chartqa: ...'"))
      << error;
}

}  // namespace
}  // namespace molmo::data
