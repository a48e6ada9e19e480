// SPDX-License-Identifier: Apache-2.0
#include "data/loader_bench.h"

#include <algorithm>
#include <chrono>

#include "data/example_maker.h"
#include "data/mixture.h"
#include "data/prompt_formatter.h"
#include "data/record_examples.h"
#include "image/decode.h"
#include "preprocess/collate.h"
#include "preprocess/pack.h"
#include "preprocess/processor.h"

namespace molmo::data {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The sizes of an update's examples, in the order in which they come.
struct Sizes {
  std::vector<std::vector<preprocess::RowSize>> steps;

  void add(const LoadedBatch& loaded) {
    const preprocess::Batch& batch = loaded.batch;
    for (int64_t row = 0; row < batch.num_rows; ++row) {
      const auto begin = batch.input_ids.begin() + row * batch.sequence_length;
      preprocess::RowSize size;
      size.tokens = batch.sequence_length - std::count(begin, begin + batch.sequence_length, -1);
      size.crops = std::count(batch.crop_rows.begin(), batch.crop_rows.end(), row);
      steps.back().push_back(size);
    }
    if (loaded.ends_step) steps.emplace_back();
  }
};

UsefulShares useful_shares(const Sizes& sizes, const config::TrainConfig& recipe, int64_t padded_tokens) {
  const config::DataConfig& data = recipe.data;
  const preprocess::RowSize limits{data.packing.is_on() ? data.packing.max_tokens : data.sequence_length,
                                   data.packing.max_crops};
  double useful = 0.0, num_examples = 0.0, num_rows = 0.0, of_updates = 0.0;
  for (const auto& step : sizes.steps) {
    int64_t longest = 0;
    for (const preprocess::RowSize& size : step) {
      useful += static_cast<double>(size.tokens);
      longest = std::max(longest, size.tokens);
    }
    num_examples += static_cast<double>(step.size());
    of_updates += static_cast<double>(step.size()) * static_cast<double>(longest);
    num_rows += static_cast<double>(preprocess::plan_rows(step, limits).size());
  }
  return {.micro_batch = useful / static_cast<double>(padded_tokens),
          .update = useful / of_updates,
          .fixed = useful / (num_examples * data.sequence_length),
          .packed_fill = useful / (num_rows * static_cast<double>(limits.tokens)),
          .packed_rows = num_rows / num_examples};
}

// One worker's time, stage by stage, without the loader's threads and cache.
void measure_stages(const config::TrainConfig& recipe, const text::MolmoTokenizer& tokenizer, LoaderSpeed& speed) {
  constexpr int64_t kMostExamples = 64;
  const std::vector<Dataset> datasets = load_datasets(recipe.data, recipe.stage);
  const preprocess::Processor processor(recipe.molmo.preprocess, recipe.molmo.prompt.annotation_weighting, tokenizer);
  const PromptFormatter format(recipe.molmo.prompt);
  std::vector<preprocess::Example> examples;
  const auto collate = [&] {
    const auto start = Clock::now();
    if (!examples.empty())
      preprocess::collate(examples, {.sequence_length = recipe.data.sequence_length, .pad_to_max = false});
    speed.collate_ms += 1e3 * seconds_since(start);
    examples.clear();
  };
  int64_t count = 0;
  for (const Dataset& dataset : datasets) {
    for (const Record& record : dataset.records) {
      if (count == kMostExamples || record.images.empty()) break;
      ++count;
      auto start = Clock::now();
      std::vector<image::Picture> pictures;
      for (const auto& path : record.images) pictures.push_back(image::load_picture(path, recipe.data.decode_limits));
      speed.decode_ms += 1e3 * seconds_since(start);
      start = Clock::now();
      std::vector<preprocess::ImageInputs> inputs;
      for (const image::Picture& picture : pictures)
        inputs.push_back(preprocess::make_image_inputs(picture, recipe.molmo.preprocess, tokenizer.special));
      speed.crops_ms += 1e3 * seconds_since(start);
      if (recipe.stage == config::TrainStage::kTower) continue;
      start = Clock::now();
      RandomState random(static_cast<uint32_t>(count));
      const DataExample example = make_example(record, recipe.stage, dataset.config.annotations, random);
      const FormattedExample formatted =
          format(example, {pictures[0].width, pictures[0].height}, /*for_inference=*/false, random);
      examples.push_back(processor.assemble(std::move(inputs), formatted.conversations, example.weight));
      speed.text_ms += 1e3 * seconds_since(start);
      if (static_cast<int64_t>(examples.size()) == recipe.micro_batch_size) collate();
    }
  }
  collate();
  for (double* stage : {&speed.decode_ms, &speed.crops_ms, &speed.text_ms, &speed.collate_ms})
    *stage /= static_cast<double>(std::max<int64_t>(1, count));
}

}  // namespace

LoaderSpeed measure_loader_speed(const config::TrainConfig& recipe, const text::MolmoTokenizer& tokenizer,
                                 int num_steps) {
  LoaderSpeed speed;
  measure_stages(recipe, tokenizer, speed);
  config::DataConfig data = recipe.data;
  data.crop_cache_bytes = 0;
  data.packing.max_tokens = 0;  // rows as they are; useful_shares() packs them
  const LoaderOptions options{.stage = recipe.stage,
                              .global_batch_size = recipe.global_batch_size,
                              .micro_batch_size = recipe.micro_batch_size,
                              .start_example = 0};
  const auto start = Clock::now();
  Loader loader(data, recipe.molmo, tokenizer, options);
  Sizes sizes;
  sizes.steps.emplace_back();
  int64_t padded_tokens = 0;
  while (static_cast<int>(sizes.steps.size()) <= num_steps) {
    const LoadedBatch loaded = loader.next();
    sizes.add(loaded);
    padded_tokens += loaded.batch.num_rows * loaded.batch.sequence_length;
    speed.num_crops += loaded.batch.num_crops;
  }
  speed.seconds = seconds_since(start);
  sizes.steps.pop_back();
  for (const auto& step : sizes.steps) {
    speed.num_examples += static_cast<int64_t>(step.size());
    for (const preprocess::RowSize& size : step) speed.num_tokens += size.tokens;
  }
  speed.shares = useful_shares(sizes, recipe, padded_tokens);
  return speed;
}

}  // namespace molmo::data
