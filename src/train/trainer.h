// A training run from recipe to run folder. Facts: spec/training.md §4; run folder: docs/training.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/train_config.h"
#include "distributed/rank.h"
#include "model/molmo.h"
#include "text/tokenizer.h"

namespace molmo::train {

/// A model between two steps, under the runner of its units. Every rank has one.
struct ModelInTraining {
  const model::Molmo& molmo;
  const config::MolmoConfig& config;
  const text::MolmoTokenizer& tokenizer;
  at::ScalarType compute;
  int rank, num_ranks;
  /// All-gathers a text of every rank. Called once per evaluation, after this rank's last pass through the model.
  std::function<std::vector<std::string>(const std::string& own)> exchange;
};

/// Runs an evaluation; returns scores by name ("pointing_f1"). The program supplies it, since answering and scoring lie
/// above training in the layering. Every rank calls it, and may answer its share of the questions at its own pace.
using Evaluate = std::function<std::map<std::string, double>(const ModelInTraining& model,
                                                             const config::EvaluationConfig& evaluation)>;

struct RunOptions {
  std::filesystem::path out;  ///< the run folder
  bool resume = false;        ///< continue from the highest complete step, if there is one
  at::Device device = at::kCPU;
  distributed::Rank rank;               ///< of this process among those that train together
  Evaluate evaluate;                    ///< for the recipe's `evaluations`
  std::vector<std::string> given = {};  ///< keys that the recipe has (config::given_keys): none of them is ignored
};

struct RunSummary {
  int64_t steps = 0;                ///< updates done, earlier ones included
  std::optional<double> last_loss;  ///< of the last update, unless none was left
  double seconds = 0.0;
  std::filesystem::path checkpoint;  ///< the last complete step
};

/// Trains as the recipe says. Results go to the run folder; progress goes to stderr.
/// Errors: a run folder that is in use (without `resume`), data or weights that do not fit; exit code 74 after
/// max_bad_steps bad steps in a row. After a stop signal (base/stop_signals.h) it saves and ends the process with 75.
RunSummary train(const config::TrainConfig& config, const RunOptions& options);

}  // namespace molmo::train
