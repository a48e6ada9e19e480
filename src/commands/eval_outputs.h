// What `molmo eval` writes: scores.json, the report, and the table on stdout.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/report.h"
#include "eval/runner.h"

namespace molmo::commands {

/// Where the results of an evaluation go.
struct EvalOutputs {
  std::filesystem::path report;  ///< empty: none
  std::vector<eval::ReportCurve> curves;
  int num_report_pictures = 6;  ///< of each task
  bool json = false;            ///< on stdout
};

/// What a reader of the numbers needs to repeat them.
struct Evaluation {
  std::string model, model_size;  ///< as it was named, and "2.4 M parameters"
  std::string radius;             ///< as given; empty: none
  eval::EvalOptions settings;
  std::vector<eval::Task> tasks;
  std::vector<std::string> left_out;
  std::string date, dtype, crops;
};

/// "2026-03-01 12:30:05 UTC"
std::string now_text();

/// Error for a report (empty: none) that could not be written after hours of work.
void expect_writable_report(const std::filesystem::path& report);

/// The same for the folder of scores.json (empty: none), which it creates.
void make_writable_folder(const std::filesystem::path& out);

/// Tries every output, so that one that fails takes no other along; then throws the first failure.
void write_outputs(const Evaluation& run, const eval::EvalResult& result, const EvalOutputs& outputs);

}  // namespace molmo::commands
