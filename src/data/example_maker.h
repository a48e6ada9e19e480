// From an item of the mixture to a preprocessed example: picture, messages, prompt, tokens. All randomness of an
// example comes from its own generator, so that workers and ranks can't change it. Facts: spec/preprocess.md Appendix
// A.2-3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/molmo_config.h"
#include "data/cell_labels.h"
#include "data/dataset.h"
#include "data/mixture.h"
#include "data/prompt_formatter.h"
#include "image/picture_loader.h"
#include "preprocess/processor.h"
#include "text/tokenizer.h"

namespace molmo::data {

class CropCache;

/// One example, and for the tower's training the label of each pooled cell.
struct MadeExample {
  preprocess::Example example;
  std::vector<CellLabel> cell_labels;  ///< [T, P], or empty
};

/// Safe to use from several threads at once.
class ExampleMaker {
 public:
  ExampleMaker(std::vector<Dataset> datasets, const config::DataConfig& data, const config::MolmoConfig& molmo,
               text::MolmoTokenizer tokenizer, config::TrainStage stage);
  ~ExampleMaker();

  /// Errors carry the record's file and line.
  MadeExample operator()(const MixtureItem& item) const;

  const std::vector<Dataset>& datasets() const { return datasets_; }
  /// Sorted kinds of the objects; for the tower's training, else empty.
  const std::vector<std::string>& kinds() const { return kinds_; }

 private:
  struct CroppedImages;
  MadeExample make(const Dataset& dataset, const Record& record, const MixtureItem& item) const;
  MadeExample make_tower_example(const Record& record, CroppedImages images) const;
  CroppedImages crop_images(const Record& record, const MixtureItem& item) const;

  std::vector<Dataset> datasets_;
  config::TrainStage stage_;
  int64_t seed_;
  bool shuffle_;
  PromptFormatter format_;
  preprocess::Processor processor_;
  image::PictureLoader pictures_;
  std::vector<std::string> kinds_;
  std::unique_ptr<CropCache> cache_;

  friend class CropCache;
};

}  // namespace molmo::data
