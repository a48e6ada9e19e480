// SPDX-License-Identifier: Apache-2.0
#include "oracles/metrics/lines.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

namespace molmo::metrics {
namespace {

std::map<std::string, LineCheck>& registered_checks() {
  static std::map<std::string, LineCheck> checks;
  return checks;
}

GOLDEN_PART(lines) {
  run.run_folder(".", ".jsonl", [](const std::filesystem::path& path, GoldenCase& golden) {
    const auto found = registered_checks().find(path.stem().string());
    if (found == registered_checks().end()) return golden.skip("no metric " + path.stem().string());
    for_each_json_line(path, [&](size_t, const Json& row) {
      const std::string id = row.at("id").get<std::string>();
      try {
        found->second(row, id, golden);
      } catch (const std::exception& error) {
        golden.fail(id + ": " + error.what());
      }
    });
  });
}

}  // namespace

double read_number(const Json& json) {
  if (!json.is_string()) return json.is_boolean() ? (json.get<bool>() ? 1.0 : 0.0) : json.get<double>();
  const std::string text = json.get<std::string>();
  const double infinity = std::numeric_limits<double>::infinity();
  return text == "nan" ? std::numeric_limits<double>::quiet_NaN() : text == "-inf" ? -infinity : infinity;
}

std::vector<std::string> read_texts(const Json& json) {
  if (json.is_string()) return {json.get<std::string>()};
  return json.get<std::vector<std::string>>();
}

void expect_score(GoldenCase& golden, const std::string& what, double got, const Json& expected) {
  const double value = read_number(expected);
  golden.expect_near(what, got, value, 1e-12 * std::max(1.0, std::abs(std::isfinite(value) ? value : 1.0)));
}

void expect_mean(GoldenCase& golden, const std::string& what, double got, const Json& expected) {
  golden.expect_near(what, got, read_number(expected), 1e-6);
}

LineCheckRegistration::LineCheckRegistration(const char* file, LineCheck check) { registered_checks()[file] = check; }

}  // namespace molmo::metrics
