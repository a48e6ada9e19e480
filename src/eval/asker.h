// Asks a model the questions of an evaluation, each distinct one once about its picture and once about a blank one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "data/prompt_formatter.h"
#include "eval/prediction_log.h"
#include "eval/progress.h"
#include "eval/runner.h"
#include "generate/generator.h"
#include "image/picture_loader.h"

namespace molmo::eval {

class Asker {
 public:
  /// `model` and `options` must outlive the asker. Errors: those of PredictionLog.
  Asker(const generate::LoadedModel& model, const model::ForwardOptions& forward, const EvalOptions& options);

  /// Draws the prompts of `items` and fills in the predictions for those of the share, with the sizes of their
  /// pictures. Real pictures come first: blank ones have their sizes. What the log knows already is neither decoded nor
  /// asked.
  void ask(std::vector<Answered>& items, Pictures pictures);

 private:
  void draw_prompts(std::vector<Answered>& items, std::span<const size_t> places);
  void ask_task(std::vector<Answered>& items, std::span<const size_t> places, Pictures pictures);
  void ask_batch(std::vector<Answered>& items, std::span<const size_t> places, std::span<const std::string> keys,
                 Pictures pictures);
  std::string key_of(const Answered& item, Pictures pictures) const;
  preprocess::Example prepare(Answered& item, Pictures pictures) const;
  static LoggedPrediction logged(const Answered& item, const std::string& key, Pictures pictures);

  const EvalOptions& options_;
  generate::Generator generator_;
  data::PromptFormatter format_;
  PredictionLog log_;
  image::PictureLoader pictures_;
  ThreadPool pool_;
  std::map<std::filesystem::path, std::string> picture_hashes_;
  std::optional<Progress> progress_;  // from the first pass on
};

/// Of `count` questions the indices of those that a process of `share` answers.
std::vector<size_t> places_of(const Share& share, size_t count);

}  // namespace molmo::eval
