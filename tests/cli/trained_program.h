// A run from recipe to weights, made once for all tests of a suite.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "cli/program.h"
#include "support/paths.h"

namespace molmo::testing {

/// Scenes, a tokenizer, a recipe, and the run "straight" of its six steps.
class TrainedProgram : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  static std::string path(const std::string& name);
  static Outcome train(const std::string& run, const std::string& more);
  static std::string weights(const std::string& run);  ///< the bytes of the last step's

 private:
  static TemporaryFolder* folder_;
};

}  // namespace molmo::testing
