// SPDX-License-Identifier: Apache-2.0
// Mixture order, rates, run lengths and item seeds (golden/data/mixture.json).
#include "data/mixture.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "support/golden.h"

namespace molmo::data {
namespace {

using testing::GoldenCase;
using testing::GoldenRun;

std::vector<int64_t> flatten(const std::vector<MixtureItem>& items) {
  std::vector<int64_t> values;
  for (const MixtureItem& item : items) values.insert(values.end(), {item.dataset, item.index, item.epoch});
  return values;
}

std::vector<int64_t> flatten(const Json& items) {
  std::vector<int64_t> values;
  for (const Json& item : items) {
    for (const Json& value : item) values.push_back(value);
  }
  return values;
}

// One stream of the reference: what a rank, or one of its loader workers, delivers. A worker makes every K-th batch,
// counted from the start of the stream, also after a resume.
void check_stream(const Json& row, int rank, size_t worker, const Json& expected, GoldenCase& golden) {
  const Json& rates = row.at("rates");
  MixtureOrder order(row.at("sizes").get<std::vector<int64_t>>(),
                     rates.is_null() ? std::vector<float>{} : rates.get<std::vector<float>>(), row.at("seed"),
                     row.at("global_batch_size"));
  const int64_t start = row.at("start_index");
  order.skip(start);
  const size_t num_workers = std::max<size_t>(row.at("num_workers").get<size_t>(), 1);
  std::vector<MixtureItem> got;
  for (size_t batch = start / row.at("global_batch_size").get<int64_t>(); got.size() < expected.size(); ++batch) {
    const auto share = rank_share(order.next(), rank, row.at("world_size"));
    if (batch % num_workers == worker) got.insert(got.end(), share.begin(), share.end());
  }
  got.resize(expected.size());
  golden.expect_integers(fmt::format("rank {} worker {}", rank, worker), flatten(got), flatten(expected));
}

void check_order(const Json& row, GoldenCase& golden) {
  if (row.at("stratify").get<bool>()) return golden.skip("stratified mixtures");
  int rank = 0;
  for (const Json& workers : row.at("ranks")) {
    for (size_t worker = 0; worker < workers.size(); ++worker) check_stream(row, rank, worker, workers[worker], golden);
    ++rank;
  }
}

void check_rates(const Json& row, GoldenCase& golden) {
  std::map<std::string, MixtureEntry> by_name;
  std::map<std::string, double> group_rates;
  for (const Json& group : row.at("groups")) {
    group_rates[group.at("group")] = group.at("rate");
    for (const Json& json : group.at("datasets")) {
      MixtureEntry entry;
      entry.name = json.at("name");
      entry.group = group.at("group");
      entry.length = json.at("length");
      if (!json.at("fixed_size").is_null()) entry.fixed_size = json.at("fixed_size").get<int64_t>();
      by_name[entry.name] = entry;
    }
  }
  std::vector<std::string> names;
  std::vector<MixtureEntry> entries;
  for (const auto& [name, entry] : by_name) names.push_back(name), entries.push_back(entry);
  golden.expect_equal("sorted_names", names, row.at("sorted_names").get<std::vector<std::string>>());
  const auto got = root_size_rates(entries, group_rates);
  const auto expected = row.at("rates_float32").get<std::vector<float>>();
  double worst = got.size() == expected.size() ? 0.0 : INFINITY;  // in units of the last place
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    worst = std::max(worst, std::abs(double(got[i]) - expected[i]) / (std::nextafter(expected[i], 2.0f) - expected[i]));
  }
  golden.record("rates_float32", expected.size(), worst);
}

void check_item_seed(const Json& row, GoldenCase& golden) {
  const int64_t length = row.at("length"), index = row.at("index");
  const uint32_t seed = item_seed(row.at("seed"), index, length, row.at("epoch"));
  golden.expect_equal("rng_seed", seed, row.at("rng_seed").get<uint32_t>());
  golden.expect_near("first_random", RandomState(seed).random(), row.at("first_random").get<double>(), 0.0);
  golden.expect_equal("padding", index >= length, row.at("padding").get<bool>());
  golden.expect_equal("used_item", index >= length ? 0 : index, row.at("used_item").get<int64_t>());
}

void check_duration(const Json& row, GoldenCase& golden) {
  golden.expect_equal("steps", caption_steps(row.at("train_images"), row.at("global_batch_size")),
                      row.at("steps").get<int64_t>());
}

void run_list(GoldenRun& run, const Json& list, const std::string& name, void (*check)(const Json&, GoldenCase&)) {
  size_t number = 0;
  for (const Json& row : list) {
    run.run_case(fmt::format("{}/{}", name, number++), [&](GoldenCase& golden) { check(row, golden); });
  }
}

GOLDEN_PART(mixture) {
  const Json golden = read_json(run.folder() / "mixture.json");
  run_list(run, golden.at("order"), "order", check_order);
  run_list(run, golden.at("rates"), "rates", check_rates);
  run_list(run, golden.at("durations"), "durations", check_duration);
  run_list(run, golden.at("item_seeds"), "item_seeds", check_item_seed);
}

}  // namespace
}  // namespace molmo::data
