// The metric goldens are files of JSON lines, one file per metric. Each .cc of this folder registers how a line of its
// files is checked; the part lists the folder, so a file that nobody checks shows as skipped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/golden.h"

namespace molmo::metrics {

using testing::GoldenCase;

/// A number, or one of the texts "nan", "inf", "-inf".
double read_number(const Json& json);

/// One text or a list of texts.
std::vector<std::string> read_texts(const Json& json);

/// Compares within 1e-12 absolute or relative: the tolerance of scores of one answer.
void expect_score(GoldenCase& golden, const std::string& what, double got, const Json& expected);

/// Compares within 1e-6: the tolerance of means over examples.
void expect_mean(GoldenCase& golden, const std::string& what, double got, const Json& expected);

/// Checks one line; the frame has put its id into the messages of `golden` failures.
using LineCheck = void (*)(const Json& row, const std::string& id, GoldenCase& golden);
struct LineCheckRegistration {
  LineCheckRegistration(const char* file, LineCheck check);
};

}  // namespace molmo::metrics

/// `GOLDEN_LINES(anls) { ... row, id, golden ... }` checks every line of anls.jsonl.
#define GOLDEN_LINES(file)                                                                                \
  static void check_line_##file(const Json& row, const std::string& id, GoldenCase& golden);              \
  static const LineCheckRegistration line_check_##file{#file, check_line_##file};                         \
  static void check_line_##file([[maybe_unused]] const Json& row, [[maybe_unused]] const std::string& id, \
                                GoldenCase& golden)
