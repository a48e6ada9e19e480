// The golden test frame: a part lists its cases from the folder, runs each, and the frame prints one line per case and
// decides the exit code. A group in which no case ran fails.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"

namespace molmo::testing {

/// What one case compared. Every expectation counts its values and keeps the largest difference over its tolerance.
class GoldenCase {
 public:
  /// Compares exactly; `what` names the quantity in a failure.
  template <class T>
  void expect_equal(const std::string& what, const T& got, const T& expected) {
    ++num_values_;
    if (!(got == expected)) fail(what + " differs");
  }
  void expect_true(const std::string& what, bool holds);
  void expect_text(const std::string& what, const std::string& got, const std::string& expected);
  void expect_integers(const std::string& what, std::span<const int64_t> got, std::span<const int64_t> expected);
  /// |got - expected| <= absolute + relative * |expected|, element by element; NaN matches NaN only.
  void expect_near(const std::string& what, std::span<const double> got, std::span<const double> expected,
                   double absolute, double relative = 0.0);
  void expect_near(const std::string& what, std::span<const float> got, std::span<const float> expected,
                   double absolute, double relative = 0.0);
  void expect_near(const std::string& what, double got, double expected, double absolute, double relative = 0.0);
  /// Counts `num_values` compared elsewhere with a worst difference over tolerance of `ratio` (> 1 fails).
  void record(const std::string& what, size_t num_values, double ratio);
  /// `run` must throw molmo::Error (any other exception fails the case).
  void expect_error(const std::string& what, const std::function<void()>& run);

  void fail(const std::string& message);
  /// Marks the case as beyond what this build can do; say which capability is missing.
  void skip(const std::string& capability) { skipped_ = capability; }

  size_t num_values() const { return num_values_; }
  double worst() const { return worst_; }
  const std::string& skipped() const { return skipped_; }
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  size_t num_values_ = 0;
  double worst_ = 0.0;
  std::string skipped_;
  std::vector<std::string> failures_;
};

/// Collects the cases of one group. Exceptions that leave a case fail it.
class GoldenRun {
 public:
  explicit GoldenRun(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// <golden>/<group>: the folder of the group.
  const std::filesystem::path& folder() const { return folder_; }

  /// Runs one case and prints its line: name, number of values, largest difference over tolerance.
  void run_case(const std::string& name, const std::function<void(GoldenCase&)>& body);

  /// Runs `body` for every entry of folder()/`subfolder` with the extension (".json"), or for every sub-folder if the
  /// extension is empty; sorted by name. A missing sub-folder is no case. `body` gets the path.
  void run_folder(const std::string& subfolder, const std::string& extension,
                  const std::function<void(const std::filesystem::path&, GoldenCase&)>& body);

  /// Runs `body` for every entry of the list "cases" in folder()/`file`, each with a "name". A missing file is no case;
  /// a file with an empty list fails.
  void run_list(const std::string& file, const std::function<void(const Json&, GoldenCase&)>& body);

  size_t num_cases() const { return num_run + num_skipped + num_failed; }
  size_t num_run = 0, num_skipped = 0, num_failed = 0;

 private:
  std::filesystem::path folder_;
};

/// Registers one part of a group: `GOLDEN_PART(resize) { run.run_folder("resize", ".json", ...); }`.
using GoldenPart = void (*)(GoldenRun& run);
struct GoldenRegistration {
  GoldenRegistration(const char* name, GoldenPart part);
};

/// Runs every registered part (or those whose names are given as arguments) and returns the exit code.
int run_golden_parts(const std::string& group, int argc, char** argv);

}  // namespace molmo::testing

#define GOLDEN_PART(name)                                                                                  \
  static void golden_part_##name(::molmo::testing::GoldenRun& run);                                        \
  static const ::molmo::testing::GoldenRegistration golden_registration_##name{#name, golden_part_##name}; \
  static void golden_part_##name([[maybe_unused]] ::molmo::testing::GoldenRun& run)
