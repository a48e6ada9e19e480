// The datasets of a recipe: own-data folders, reduced to the records that a training stage can use.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/train_config.h"
#include "data/own_data.h"

namespace molmo::data {

struct Dataset {
  std::string name;
  config::DatasetConfig config;
  std::filesystem::path file;   ///< data.jsonl
  std::vector<Record> records;  ///< of the split, those that the stage can use
  Fingerprint fingerprint;      ///< of the whole file
  std::vector<std::string> remarks;
};

/// Reads the datasets in the order of their names. Records without anything for `stage` are left out: for the tower
/// those without objects, else those without an annotation of the wanted kinds. Errors: no datasets, a bad data.jsonl,
/// an unknown kind of annotation, a dataset that is left with no record.
std::vector<Dataset> load_datasets(const config::DataConfig& config, config::TrainStage stage);

/// The kinds of all objects of the datasets, sorted by name. Class k of the tower's training is kind k - 1; 0 is
/// background.
std::vector<std::string> object_kinds(const std::vector<Dataset>& datasets);
/// The same, reading the datasets first.
std::vector<std::string> object_kinds(const config::DataConfig& config);

}  // namespace molmo::data
