// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "data/record_examples.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

bool is_usable(const Record& record, config::TrainStage stage, const std::vector<std::string>& annotations) {
  return stage == config::TrainStage::kTower ? !record.objects.empty() : has_messages(record, stage, annotations);
}

Dataset load_dataset(const std::string& name, const config::DatasetConfig& config, config::TrainStage stage) {
  check_annotation_kinds(config.annotations, fmt::format("dataset '{}'", name));
  OwnData data = read_own_data(config.path);
  Dataset dataset{.name = name,
                  .config = config,
                  .file = data.file,
                  .records = {},
                  .fingerprint = data.fingerprint,
                  .remarks = std::move(data.remarks)};
  dataset.records = select_split(std::move(data), config.split);
  const size_t num_records = dataset.records.size();
  std::erase_if(dataset.records, [&](const Record& record) { return !is_usable(record, stage, config.annotations); });
  if (dataset.records.empty()) {
    throw Error(fmt::format("[data] dataset '{}': {} has no record of split '{}' with annotations for stage '{}'", name,
                            dataset.file.string(), config.split, config::enum_name(stage)));
  }
  if (const size_t num_left_out = num_records - dataset.records.size(); num_left_out > 0) {
    dataset.remarks.push_back(fmt::format("{} of the {} records of split '{}' have nothing to teach in stage '{}'",
                                          num_left_out, num_records, config.split, config::enum_name(stage)));
  }
  return dataset;
}

}  // namespace

std::vector<Dataset> load_datasets(const config::DataConfig& config, config::TrainStage stage) {
  if (config.datasets.empty()) throw Error("[data] data.datasets is empty, expected at least one dataset");
  std::vector<Dataset> datasets;
  for (const auto& [name, dataset] : config.datasets) datasets.push_back(load_dataset(name, dataset, stage));
  return datasets;
}

std::vector<std::string> object_kinds(const std::vector<Dataset>& datasets) {
  std::set<std::string> kinds;
  for (const Dataset& dataset : datasets) {
    for (const Record& record : dataset.records) {
      for (const ObjectEntry& object : record.objects) kinds.insert(object.kind);
    }
  }
  return {kinds.begin(), kinds.end()};
}

std::vector<std::string> object_kinds(const config::DataConfig& config) {
  return object_kinds(load_datasets(config, config::TrainStage::kTower));
}

}  // namespace molmo::data
