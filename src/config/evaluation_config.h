// What is measured during a run. Facts: spec/training.md §4.9.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/field.h"

namespace molmo::config {

/// Losses on held-out data during a run. Paper: none; the public code's captioner has two.
struct LossEvaluatorConfig {
  std::string path;
  std::string split = "validation";
  std::vector<std::string> annotations;
  int64_t max_examples = 2048;
  int64_t every = 1000;

  template <class V>
  void visit(V& v) {
    v({.name = "path", .help = "own-data folder"}, path);
    v({.name = "split", .help = "rows of this split"}, split);
    v({.name = "annotations", .help = "kinds of annotation to use; empty: all"}, annotations);
    v({.name = "max_examples",
       .help = "of the split, from its start; what does not fill a batch is left out",
       .min = 1},
      max_examples);
    v({.name = "every", .help = "steps between evaluations; the last step is evaluated too", .min = 1}, every);
  }
};

/// Tasks that the model answers during a run, as it stands and where it lies, scored by the harness of `molmo eval`.
struct EvaluationConfig {
  std::string data;
  std::string split = "validation";
  std::vector<std::string> tasks;
  int64_t max_per_task = 2048;
  int64_t every = 2000;
  int batch_size = 16;

  template <class V>
  void visit(V& v) {
    v({.name = "data", .help = "own-data folder"}, data);
    v({.name = "split", .help = "rows of this split"}, split);
    v({.name = "tasks", .help = "as in molmo eval --tasks; empty: all"}, tasks);
    v({.name = "max_per_task", .help = "questions of a task; 0: all", .min = 0}, max_per_task);
    v({.name = "every", .help = "steps between evaluations; the last step counts too", .min = 1}, every);
    v({.name = "batch_size", .help = "questions answered at a time", .min = 1, .max = 4096}, batch_size);
  }
};

}  // namespace molmo::config
