// SPDX-License-Identifier: Apache-2.0
// Evaluation order by rank (golden/data/sampler.json) and the row split of the PixMo sets (golden/data/splits.json).
#include "data/sampler.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "support/golden.h"

namespace molmo::data {
namespace {

using testing::GoldenCase;
using testing::GoldenRun;

void check_sample_order(const Json& row, GoldenCase& golden) {
  EvaluationOrder order;
  order.length = row.at("length");
  order.seed = row.at("seed");
  order.world_size = row.at("world_size");
  order.batch_size = row.at("batch_size");
  order.shuffle = row.at("shuffle");
  order.drop_last = row.at("drop_last");
  order.pad_batches = row.at("pad_batches");
  if (!row.at("max_steps").is_null()) order.max_steps = row.at("max_steps").get<int64_t>();
  golden.expect_equal("n_pad", order.num_padding(), row.at("n_pad").get<int64_t>());
  int rank = 0;
  for (const Json& expected : row.at("ranks")) {
    golden.expect_equal(fmt::format("rank {}", rank), order.batches(rank),
                        expected.get<std::vector<std::vector<int64_t>>>());
    ++rank;
  }
}

GOLDEN_PART(sampler) {
  const Json cases = read_json(run.folder() / "sampler.json").at("cases");
  size_t number = 0;
  for (const Json& row : cases) {
    run.run_case(fmt::format("sampler/{}", number++), [&](GoldenCase& golden) { check_sample_order(row, golden); });
  }
}

GOLDEN_PART(splits) {
  const Json file = read_json(run.folder() / "splits.json");
  size_t number = 0;
  for (const Json& row : file.at("pixmo_rows")) {
    run.run_case(fmt::format("pixmo_rows/{}", number++), [&](GoldenCase& golden) {
      const RowSplit split = split_rows(row.at("rows"), row.at("validation_rows"));
      golden.expect_integers("train", split.train, row.at("train").get<std::vector<int64_t>>());
      golden.expect_integers("validation", split.validation, row.at("validation").get<std::vector<int64_t>>());
    });
  }
  for (const auto& [name, rows] : file.items()) {
    if (name == "provenance" || name == "pixmo_rows") continue;
    run.run_case(name, [&, name = name](GoldenCase& golden) { golden.skip("dataset '" + name + "'"); });
  }
}

}  // namespace
}  // namespace molmo::data
