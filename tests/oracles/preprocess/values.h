// Comparison of pixel values that may sit one 8-bit level apart at rounding ties.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "oracles/preprocess/options.h"
#include "support/golden.h"

namespace molmo::testing {

/// Compares values whose channel is their index modulo 3. Levels apart are counted: at most 2 % of a case.
void expect_values(GoldenCase& golden, const std::string& what, std::span<const float> got,
                   std::span<const float> expected, const ValueTolerance& tolerance);

}  // namespace molmo::testing
