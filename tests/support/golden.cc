// SPDX-License-Identifier: Apache-2.0
#include "support/golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "molmo/error.h"
#include "support/paths.h"

namespace molmo::testing {
namespace {

struct NamedPart {
  std::string name;
  GoldenPart run;
};

std::vector<NamedPart>& registered_parts() {
  static std::vector<NamedPart> parts;
  return parts;
}

template <class T>
void compare_near(GoldenCase& golden, const std::string& what, std::span<const T> got, std::span<const T> expected,
                  double absolute, double relative) {
  if (got.size() != expected.size()) {
    golden.fail(fmt::format("{}: {} values, expected {}", what, got.size(), expected.size()));
    return;
  }
  double worst = 0.0;
  size_t at = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double a = got[i], b = expected[i];
    if (std::isnan(a) && std::isnan(b)) continue;
    const double tolerance = absolute + relative * std::abs(b);
    double ratio = a == b ? 0.0 : tolerance > 0 ? std::abs(a - b) / tolerance : INFINITY;
    if (std::isnan(ratio)) ratio = INFINITY;
    if (ratio > worst) worst = ratio, at = i;
  }
  golden.record(
      worst > 1 ? fmt::format("{}[{}]: got {:.9g}, expected {:.9g}", what, at, double(got[at]), double(expected[at]))
                : what,
      got.size(), worst);
}

}  // namespace

void GoldenCase::expect_true(const std::string& what, bool holds) {
  ++num_values_;
  if (!holds) fail(what);
}

void GoldenCase::expect_text(const std::string& what, const std::string& got, const std::string& expected) {
  ++num_values_;
  if (got != expected) fail(fmt::format("{}: got \"{}\", expected \"{}\"", what, got, expected));
}

void GoldenCase::expect_integers(const std::string& what, std::span<const int64_t> got,
                                 std::span<const int64_t> expected) {
  num_values_ += expected.size();
  if (got.size() != expected.size())
    return fail(fmt::format("{}: {} values, expected {}", what, got.size(), expected.size()));
  const auto mismatch = std::mismatch(got.begin(), got.end(), expected.begin());
  if (mismatch.first == got.end()) return;
  fail(fmt::format("{}[{}]: got {}, expected {}", what, mismatch.first - got.begin(), *mismatch.first,
                   *mismatch.second));
}

void GoldenCase::expect_near(const std::string& what, std::span<const double> got, std::span<const double> expected,
                             double absolute, double relative) {
  compare_near(*this, what, got, expected, absolute, relative);
}

void GoldenCase::expect_near(const std::string& what, std::span<const float> got, std::span<const float> expected,
                             double absolute, double relative) {
  compare_near(*this, what, got, expected, absolute, relative);
}

void GoldenCase::expect_near(const std::string& what, double got, double expected, double absolute, double relative) {
  compare_near(*this, what, std::span<const double>(&got, 1), std::span<const double>(&expected, 1), absolute,
               relative);
}

void GoldenCase::record(const std::string& what, size_t num_values, double ratio) {
  num_values_ += num_values;
  worst_ = std::max(worst_, ratio);
  if (!(ratio <= 1.0)) fail(fmt::format("{} ({:.3g} of tolerance)", what, ratio));
}

void GoldenCase::expect_error(const std::string& what, const std::function<void()>& run) {
  ++num_values_;
  try {
    run();
  } catch (const Error&) {
    return;
  }
  fail(what + ": no error");
}

void GoldenCase::fail(const std::string& message) { failures_.push_back(message); }

void GoldenRun::run_case(const std::string& name, const std::function<void(GoldenCase&)>& body) {
  GoldenCase golden;
  try {
    body(golden);
  } catch (const std::exception& error) {
    golden.fail(fmt::format("exception: {}", error.what()));
  }
  if (golden.failures().empty() && golden.skipped().empty() && golden.num_values() == 0)
    golden.fail("nothing was compared");
  const char* verdict = "ok  ";
  if (!golden.failures().empty()) {
    ++num_failed;
    verdict = "FAIL";
  } else if (!golden.skipped().empty()) {
    ++num_skipped;
    std::printf("skip  %-48s %s\n", name.c_str(), golden.skipped().c_str());
    return;
  }
  ++num_run;
  std::printf("%s  %-48s %9zu values  %.3g of tolerance\n", verdict, name.c_str(), golden.num_values(), golden.worst());
  constexpr size_t kMostPrinted = 12;
  for (size_t i = 0; i < std::min(golden.failures().size(), kMostPrinted); ++i)
    std::printf("        %s\n", golden.failures()[i].c_str());
  if (golden.failures().size() > kMostPrinted)
    std::printf("        ... and %zu more\n", golden.failures().size() - kMostPrinted);
}

void GoldenRun::run_folder(const std::string& subfolder, const std::string& extension,
                           const std::function<void(const std::filesystem::path&, GoldenCase&)>& body) {
  const std::filesystem::path folder = subfolder.empty() ? folder_ : folder_ / subfolder;
  if (!std::filesystem::is_directory(folder)) return;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (extension.empty() ? entry.is_directory() : entry.is_regular_file() && entry.path().extension() == extension) {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    const std::string name = (subfolder.empty() ? "" : subfolder + "/") + path.stem().string();
    run_case(name, [&](GoldenCase& golden) { body(path, golden); });
  }
}

void GoldenRun::run_list(const std::string& file, const std::function<void(const Json&, GoldenCase&)>& body) {
  if (!std::filesystem::exists(folder_ / file)) return;
  const Json content = read_json(folder_ / file);
  const std::string prefix = std::filesystem::path(file).stem().string() + "/";
  if (content.at("cases").empty()) run_case(prefix, [](GoldenCase& golden) { golden.fail("an empty list of cases"); });
  for (const Json& entry : content.at("cases")) {
    run_case(prefix + entry.at("name").get<std::string>(), [&](GoldenCase& golden) { body(entry, golden); });
  }
}

GoldenRegistration::GoldenRegistration(const char* name, GoldenPart part) {
  registered_parts().push_back({name, part});
}

int run_golden_parts(const std::string& group, int argc, char** argv) {
  auto parts = registered_parts();
  std::sort(parts.begin(), parts.end(), [](const NamedPart& a, const NamedPart& b) { return a.name < b.name; });
  GoldenRun run(golden_directory() / group);
  std::printf("golden.%s in %s\n", group.c_str(), run.folder().c_str());
  for (const NamedPart& part : parts) {
    const bool wanted =
        argc < 2 || std::any_of(argv + 1, argv + argc, [&](const char* name) { return part.name == name; });
    if (!wanted) continue;
    const size_t num_before = run.num_cases();
    try {
      part.run(run);
    } catch (const std::exception& error) {
      ++run.num_failed;
      std::printf("FAIL  %s: exception: %s\n", part.name.c_str(), error.what());
    }
    if (run.num_cases() > num_before) continue;
    // Another set may lack a part, but one that was asked for by name must not pass by having nothing to do.
    std::printf("%s  %s: no case in this set\n", argc < 2 ? "none" : "FAIL", part.name.c_str());
    if (argc >= 2) ++run.num_failed;
  }
  std::printf("golden.%s: %zu run, %zu skipped, %zu failed\n", group.c_str(), run.num_run, run.num_skipped,
              run.num_failed);
  if (run.num_run == 0) std::printf("golden.%s: FAIL, no case was run\n", group.c_str());
  return run.num_failed == 0 && run.num_run > 0 ? 0 : 1;
}

}  // namespace molmo::testing
