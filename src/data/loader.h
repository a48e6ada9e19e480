// The training loader: worker threads make examples ahead of time, and batches come out in the order of the mixture
// whatever the number of workers. A run that starts at example n sees what a longer run sees from there on.
//
//   Loader loader(recipe.data, recipe.molmo, tokenizer, {.stage = recipe.stage, .global_batch_size = 128,
//                                                        .micro_batch_size = 4, .start_example = 0});
//   LoadedBatch micro_batch = loader.next();
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/molmo_config.h"
#include "config/train_config.h"
#include "data/cell_labels.h"
#include "data/dataset.h"
#include "data/mixture.h"
#include "preprocess/example.h"
#include "text/tokenizer.h"

namespace molmo::data {

class ExampleMaker;

struct LoaderOptions {
  config::TrainStage stage = config::TrainStage::kCaption;
  int64_t global_batch_size = 1;  ///< examples of an update, over all ranks
  int64_t micro_batch_size = 1;   ///< rows of one batch; the last one of an update may have fewer
  int64_t start_example = 0;      ///< examples seen before, over all ranks
  int rank = 0, world_size = 1;
  int64_t num_bad_before = 0;  ///< examples left out before: they count towards data.max_bad_examples
  int64_t num_examined = 0;    ///< records of each dataset whose places are compared with their pictures at once, and
                               ///< whether what is seldom meant in the data is logged: above 0 on one rank
};

/// One micro-batch.
struct LoadedBatch {
  preprocess::Batch batch;
  int64_t num_examples = 0;            ///< of which a row of a packed batch holds several
  bool ends_step = false;              ///< the rank's last of its update
  double squared_lengths = 0.0;        ///< sum over the examples, in tokens
  std::vector<CellLabel> cell_labels;  ///< [C, P] for TrainStage::kTower, else empty
};

/// Delivers the endless stream of micro-batches of one rank.
class Loader {
 public:
  /// Reads the datasets and starts the workers (data.num_workers, at most data.prefetch_batches batches ahead).
  /// Errors: those of load_datasets and expect_good_places.
  Loader(const config::DataConfig& data, const config::MolmoConfig& molmo, text::MolmoTokenizer tokenizer,
         LoaderOptions options);
  ~Loader();  ///< stops the workers; each finishes the example at hand
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Whether next() will return at once; waits for that at most so long.
  bool wait(std::chrono::milliseconds limit);

  /// Waits for the next micro-batch. An example that can't be made is left out with a warning that names the record's
  /// file and line, so that a batch may have fewer rows, or none; the first beyond data.max_bad_examples throws here,
  /// when its batch is due, and later calls throw the same. Which one that is does not depend on the workers.
  LoadedBatch next();

  /// Examples left out in the batches delivered so far and before the start.
  int64_t num_bad() const;

  /// Rate of each dataset, in the order of their names, and its number of usable records.
  struct Source {
    std::string name;
    int64_t num_records;
    double rate;
    Fingerprint fingerprint;  ///< of the dataset's whole file
  };
  const std::vector<Source>& sources() const;

  /// The first examples of the stream, whatever has been delivered: `count` different ones, or all that there are.
  std::vector<MixtureItem> first_items(size_t count) const;
  /// What makes them.
  const ExampleMaker& maker() const;
  /// Kinds of objects, sorted; class 0 is the background. Empty unless the tower is trained.
  const std::vector<std::string>& kinds() const;

 private:
  class Queue;
  std::unique_ptr<Queue> queue_;
};

}  // namespace molmo::data
