// SPDX-License-Identifier: Apache-2.0
#include "eval/asker.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "base/digest.h"
#include "base/files.h"
#include "base/random.h"
#include "base/strings.h"
#include "config/load.h"
#include "eval/scoring.h"

namespace molmo::eval {
namespace {

constexpr uint8_t kBlankGrey = 128;

image::Picture blank_picture(const data::ImageSize& size) {
  image::Picture blank(size.width, size.height);
  std::fill(blank.pixels.begin(), blank.pixels.end(), kBlankGrey);
  return blank;
}

std::string hash_of_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  return sha256_hex({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
}

// Predictions are good for a later run only where all of this is the same. What else they depend on is in their keys.
Json settings_of(const generate::LoadedModel& model, const model::ForwardOptions& forward) {
  return {{"dtype", at::toString(forward.compute)},
          {"weights", split_text(model.fingerprint, '\n')},
          {"config", config::to_json(model.config)}};
}

// Another picture, label or question draws anew; other questions in the split, or fewer of them, do not.
uint32_t prompt_seed(const Question& question, const std::string& picture_hash, uint32_t seed) {
  const std::string hash =
      sha256_hex(fmt::format("{}\n{}\n{}\n{}", seed, task_info(question.task).name, picture_hash, question.label));
  uint32_t value = 0;
  std::from_chars(hash.data(), hash.data() + 8, value, 16);
  return value;
}

std::string& prediction_of(Answered& item, Pictures pictures) {
  return pictures == Pictures::kBlank ? item.blank_prediction : item.prediction;
}

}  // namespace

std::vector<size_t> places_of(const Share& share, size_t count) {
  std::vector<size_t> places;
  for (auto i = static_cast<size_t>(share.index); i < count; i += static_cast<size_t>(share.count)) places.push_back(i);
  return places;
}

Asker::Asker(const generate::LoadedModel& model, const model::ForwardOptions& forward, const EvalOptions& options)
    : options_(options),
      generator_(model, forward),
      format_(model.config.prompt),
      log_(options.out, settings_of(model, forward)),
      pictures_(options.limits),
      pool_(num_available_threads() - 1) {}

void Asker::ask(std::vector<Answered>& items, Pictures pictures) {
  const std::vector<size_t> own = places_of(options_.share, items.size());
  if (pictures == Pictures::kReal) draw_prompts(items, own);
  if (!progress_) {
    const auto num_predictions = static_cast<int64_t>(own.size()) * (options_.with_blank ? 2 : 1);
    progress_.emplace(num_predictions, options_.shows_progress);
  }
  for (size_t begin = 0; begin < own.size();) {
    size_t end = begin;  // a batch stays within its task: one budget of tokens
    while (end < own.size() && items[own[end]].question.task == items[own[begin]].question.task) ++end;
    ask_task(items, std::span(own).subspan(begin, end - begin), pictures);
    begin = end;
  }
}

void Asker::draw_prompts(std::vector<Answered>& items, std::span<const size_t> places) {
  for (const size_t place : places) picture_hashes_[items[place].image];
  std::vector<std::pair<const std::filesystem::path, std::string>*> files;
  for (auto& file : picture_hashes_) files.push_back(&file);
  pool_.parallel_for(files.size(), [&](size_t i) { files[i]->second = hash_of_file(files[i]->first); });
  for (const size_t place : places) {
    Answered& item = items[place];
    RandomState random(prompt_seed(item.question, picture_hashes_.at(item.image), options_.seed));
    const data::DataExample example{.messages = {item.question.message}, .is_list = false, .weight = {}};
    // Without an answer no point is put into words, so that the size of the picture does not matter.
    item.prompt = format_(example, /*size=*/{}, /*for_inference=*/true, random).conversations.front().front();
  }
}

// All that a prediction depends on besides the settings: what is seen, what is asked, and how long the answer may be.
std::string Asker::key_of(const Answered& item, Pictures pictures) const {
  const std::string seen = pictures == Pictures::kReal ? picture_hashes_.at(item.image)
                                                       : fmt::format("blank {}x{}", item.size.width, item.size.height);
  return sha256_hex(fmt::format("{}\n{}\n{}", seen, task_info(item.question.task).max_new_tokens, item.prompt));
}

void Asker::ask_task(std::vector<Answered>& items, std::span<const size_t> places, Pictures pictures) {
  std::vector<std::string> keys(places.size()), open_keys;
  std::vector<size_t> open;
  std::set<std::string> asked;
  for (size_t i = 0; i < places.size(); ++i) {
    keys[i] = key_of(items[places[i]], pictures);
    if (log_.find(keys[i]) != nullptr || !asked.insert(keys[i]).second) continue;
    open.push_back(places[i]);
    open_keys.push_back(keys[i]);
  }
  progress_->know(static_cast<int64_t>(places.size() - open.size()));
  const auto batch_size = static_cast<size_t>(options_.batch_size);
  for (size_t at = 0; at < open.size(); at += batch_size) {
    const size_t count = std::min(batch_size, open.size() - at);
    ask_batch(items, std::span(open).subspan(at, count), std::span(open_keys).subspan(at, count), pictures);
    progress_->add(static_cast<int64_t>(count));
  }
  std::map<std::string, size_t> num_questions;
  for (size_t i = 0; i < places.size(); ++i) {
    Answered& item = items[places[i]];
    const LoggedPrediction& known = *log_.find(keys[i]);
    prediction_of(item, pictures) = known.text;
    item.size = known.size;
    if (++num_questions[keys[i]] > log_.count(keys[i])) log_.add(logged(item, keys[i], pictures));
  }
  log_.sync();
}

LoggedPrediction Asker::logged(const Answered& item, const std::string& key, Pictures pictures) {
  return {.key = key,
          .pictures = pictures,
          .size = item.size,
          .text = pictures == Pictures::kBlank ? item.blank_prediction : item.prediction,
          .task = std::string(task_info(item.question.task).name),
          .image = item.image.string(),
          .prompt = item.prompt,
          .truth = true_answer(item.question, item.size)};
}

void Asker::ask_batch(std::vector<Answered>& items, std::span<const size_t> places, std::span<const std::string> keys,
                      Pictures pictures) {
  std::vector<preprocess::Example> examples(places.size());
  pool_.parallel_for(places.size(), [&](size_t i) { examples[i] = prepare(items[places[i]], pictures); });
  const int64_t max_new_tokens = task_info(items[places[0]].question.task).max_new_tokens;
  const std::vector<generate::Answer> answers = generator_(examples, {.max_new_tokens = max_new_tokens});
  for (size_t i = 0; i < answers.size(); ++i) {
    Answered& item = items[places[i]];
    prediction_of(item, pictures) = answers[i].text;
    log_.add(logged(item, keys[i], pictures));
  }
  log_.sync();
}

preprocess::Example Asker::prepare(Answered& item, Pictures pictures) const {
  image::Picture picture = pictures == Pictures::kBlank ? blank_picture(item.size) : pictures_.load(item.image);
  item.size = {picture.width, picture.height};
  generate::Request request{.images = {}, .messages = {item.prompt}};
  request.images.push_back(std::move(picture));
  return generator_.preprocess(request);
}

}  // namespace molmo::eval
