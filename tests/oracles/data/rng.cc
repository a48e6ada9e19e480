// SPDX-License-Identifier: Apache-2.0
// Random number generators against NumPy's and torch's draws (golden/data/rng.json). A case runs its operations in
// order on one generator and stops at the first one that this program has no use for.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/random.h"
#include "support/golden.h"

namespace molmo {
namespace {

using testing::GoldenCase;
using testing::GoldenRun;

// Two units in the last place of each expected value (logarithm and square root of the mathematics library).
void expect_within_two_ulps(GoldenCase& golden, const std::string& what, const std::vector<double>& got,
                            const std::vector<double>& expected) {
  double worst = got.size() == expected.size() ? 0.0 : INFINITY;
  for (size_t i = 0; worst <= 1.0 && i < got.size(); ++i) {
    const double ulp = std::nextafter(std::abs(expected[i]), INFINITY) - std::abs(expected[i]);
    worst = std::max(worst, std::abs(got[i] - expected[i]) / (2 * ulp));
  }
  golden.record(what, expected.size(), worst);
}

template <class T, class Draw>
std::vector<T> draw_many(const Json& op, Draw draw) {
  std::vector<T> values(op.at("size").get<size_t>());
  for (T& value : values) value = draw();
  return values;
}

// Runs one operation of the legacy generator; false where the product does not have it.
bool run_legacy_op(RandomState& generator, const Json& op, const std::string& what, GoldenCase& golden) {
  const std::string name = op.at("op");
  if (name == "random" || name == "uniform" || name == "normal") {
    const auto expected = op.at("values").get<std::vector<double>>();
    if (name == "random") {
      golden.expect_near(what, draw_many<double>(op, [&] { return generator.random(); }), expected, 0.0);
    } else if (name == "uniform") {
      const double low = op.at("low"), high = op.at("high");
      expect_within_two_ulps(golden, what, draw_many<double>(op, [&] { return generator.uniform(low, high); }),
                             expected);
    } else {
      const double mean = op.at("loc"), deviation = op.at("scale");
      expect_within_two_ulps(golden, what, draw_many<double>(op, [&] { return generator.normal(mean, deviation); }),
                             expected);
    }
    return true;
  }
  std::vector<int64_t> got;
  if (name == "randint" && op.value("dtype", "int64") == "int64") {
    const int64_t low = op.at("low"), high = op.at("high");
    got = draw_many<int64_t>(op, [&] { return generator.randint(low, high); });
  } else if (name == "shuffle" || name == "permutation") {
    got = generator.permutation(op.at("n"));
  } else if (name == "choice" && op.contains("p")) {
    const auto p = op.at("p").get<std::vector<double>>();
    got = draw_many<int64_t>(op, [&] { return static_cast<int64_t>(generator.choice(p)); });
  } else {
    return false;
  }
  golden.expect_integers(what, got, op.at("values").get<std::vector<int64_t>>());
  return true;
}

bool run_op(const std::string& generator, uint64_t seed, const Json& op, const std::string& what, GoldenCase& golden) {
  const std::string name = op.at("op");
  std::vector<int64_t> got;
  if (generator == "pcg64_default_rng" && name == "permutation") {
    got = pcg64_permutation(seed, op.at("n"));
  } else if (generator == "torch_cpu" && name == "randperm") {
    got = torch_randperm(seed, op.at("n"));
  } else {
    return false;
  }
  golden.expect_integers(what, got, op.at("values").get<std::vector<int64_t>>());
  return true;
}

void run_generator(const Json& row, GoldenCase& golden) {
  const std::string generator = row.at("generator");
  const uint64_t seed = row.at("seed");
  RandomState legacy(static_cast<uint32_t>(seed));
  size_t index = 0;
  for (const Json& op : row.at("ops")) {
    const std::string name = op.at("op");
    const std::string what = fmt::format("op {} ({})", index, name);
    // The permutation functions start a fresh generator: only the first operation of a case can be compared.
    const bool done = generator == "mt19937_legacy" ? run_legacy_op(legacy, op, what, golden)
                                                    : index == 0 && run_op(generator, seed, op, what, golden);
    if (!done) {
      if (index == 0) golden.skip(fmt::format("{} {} {}", generator, name, op.value("dtype", "")));
      return;
    }
    ++index;
  }
}

GOLDEN_PART(rng) {
  const Json cases = read_json(run.folder() / "rng.json").at("cases");
  size_t number = 0;
  for (const Json& row : cases) {
    run.run_case(
        fmt::format("rng/{} {} seed {}", number++, row.at("generator").get<std::string>(), row.at("seed").dump()),
        [&](GoldenCase& golden) { run_generator(row, golden); });
  }
}

}  // namespace
}  // namespace molmo
