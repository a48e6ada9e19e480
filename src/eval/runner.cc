// SPDX-License-Identifier: Apache-2.0
#include "eval/runner.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "config/load.h"
#include "data/prompt_formatter.h"
#include "eval/reply_log.h"
#include "eval/scoring.h"
#include "image/decode.h"
#include "molmo/error.h"

namespace molmo::eval {
namespace {

constexpr uint8_t kBlankGrey = 128;

image::Picture blank_picture(const data::ImageSize& size) {
  image::Picture blank(size.width, size.height);
  std::fill(blank.pixels.begin(), blank.pixels.end(), kBlankGrey);
  return blank;
}

class Runner {
 public:
  Runner(const generate::LoadedModel& model, const model::ForwardOptions& forward, const EvalOptions& options)
      : model_(model),
        options_(options),
        generator_(model, forward),
        format_(model.config.prompt),
        log_(options.out, settings(model, forward, options)),
        pool_(num_available_threads() - 1) {}

  // Real pictures first: blank ones have their sizes.
  void answer(std::vector<Answered>& items, Pictures pictures) {
    const std::vector<size_t> own = own_places(items.size());
    for (size_t begin = 0; begin < own.size();) {
      size_t end = begin;  // a batch stays within its task: one budget of tokens
      while (end < own.size() && items[own[end]].question.task == items[own[begin]].question.task) ++end;
      answer_task(items, std::span(own).subspan(begin, end - begin), pictures);
      begin = end;
    }
  }

  // Takes over what the others have answered.
  void exchange(std::vector<Answered>& items) const {
    const Share& share = options_.share;
    if (share.count == 1) return;
    Json own = Json::array();
    for (const size_t i : own_places(items.size())) {
      const Answered& item = items[i];
      own.push_back({i, item.reply, item.blank_reply, item.prompt, item.size.width, item.size.height});
    }
    // A reply may hold bytes that are no UTF-8.
    const auto text = own.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
    for (const std::string& said : share.exchange(text)) {
      for (const Json& line : parse_json(said, "an evaluation's answers")) {
        Answered& item = items.at(line.at(0).get<size_t>());
        item.reply = line.at(1), item.blank_reply = line.at(2), item.prompt = line.at(3);
        item.size = {line.at(4).get<int>(), line.at(5).get<int>()};
      }
    }
  }

 private:
  // Of the questions, those that this process answers.
  std::vector<size_t> own_places(size_t num_items) const {
    std::vector<size_t> places;
    const auto first = static_cast<size_t>(options_.share.index), step = static_cast<size_t>(options_.share.count);
    for (size_t i = first; i < num_items; i += step) places.push_back(i);
    return places;
  }

  // Replies are good for a later run only where all of this is the same.
  static Json settings(const generate::LoadedModel& model, const model::ForwardOptions& forward,
                       const EvalOptions& options) {
    Json tasks = Json::array();
    for (const Task task : options.tasks) tasks.push_back(task_info(task).name);
    return {{"data", options.data.string()},
            {"split", options.split},
            {"tasks", tasks},
            {"max_per_task", options.max_per_task},
            {"seed", options.seed},
            {"dtype", at::toString(forward.compute)},
            {"weights", model.fingerprint},
            {"config", config::to_json(model.config)}};
  }

  preprocess::Example prepare(Answered& item, Pictures pictures) const {
    image::Picture picture = pictures == Pictures::kBlank ? blank_picture(item.size)
                                                          : image::load_picture(item.question.record->images.front());
    item.size = {picture.width, picture.height};
    RandomState random(options_.seed + static_cast<uint32_t>(item.question.index));
    const data::DataExample example{.messages = {item.question.message}, .is_list = false, .weight = {}};
    generate::Request request;
    request.messages = format_(example, item.size, /*for_inference=*/true, random).conversations.front();
    item.prompt = request.messages.front();
    request.images.push_back(std::move(picture));
    return generator_.preprocess(request);
  }

  // Questions that wait for the model.
  struct Open {
    std::vector<preprocess::Example> examples;
    std::vector<size_t> places;
  };

  // What an answer depends on: the tokens as they are, the pictures by their hash.
  static std::string fingerprint(const preprocess::Example& example) {
    const auto bytes_of = [](const auto& values) {
      return std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
    };
    std::string key(bytes_of(example.input_tokens));
    for (const preprocess::ImageInputs& image : example.images)
      key += fmt::format(" {:x}", std::hash<std::string_view>()(bytes_of(image.patches))) +
             fmt::format(" {:x}", std::hash<std::string_view>()(bytes_of(image.byte_patches)));
    return key;
  }

  // Equal prompts on equal pictures get one answer: with blank pictures most questions are such repeats.
  void answer_task(std::vector<Answered>& items, std::span<const size_t> own, Pictures pictures) {
    const auto batch_size = static_cast<size_t>(options_.batch_size);
    const int64_t max_new_tokens = task_info(items[own[0]].question.task).max_new_tokens;
    Open open;
    std::map<std::string, size_t> first_of;
    std::vector<std::pair<size_t, size_t>> repeats;  // a question, and the earlier one that is its equal
    for (size_t at = 0; at < own.size(); at += batch_size) {
      const std::span<const size_t> places = own.subspan(at, std::min(batch_size, own.size() - at));
      std::vector<preprocess::Example> examples(places.size());
      pool_.parallel_for(places.size(), [&](size_t i) { examples[i] = prepare(items[places[i]], pictures); });
      for (size_t i = 0; i < places.size(); ++i) {
        if (const std::string* known = log_.find(places[i], pictures)) {
          reply_of(items[places[i]], pictures) = *known;
          continue;
        }
        const auto [first, is_new] = first_of.try_emplace(fingerprint(examples[i]), places[i]);
        if (!is_new) {
          repeats.emplace_back(places[i], first->second);
          continue;
        }
        open.examples.push_back(std::move(examples[i]));
        open.places.push_back(places[i]);
        if (open.places.size() == batch_size) answer_open(items, open, max_new_tokens, pictures);
      }
      log_debug(fmt::format("[eval] {} of {} questions", places.back() + 1, items.size()));
    }
    answer_open(items, open, max_new_tokens, pictures);
    for (const auto& [place, first] : repeats) keep_reply(items, place, reply_of(items[first], pictures), pictures);
  }

  void answer_open(std::vector<Answered>& items, Open& open, int64_t max_new_tokens, Pictures pictures) {
    const auto answers = generator_(open.examples, {.max_new_tokens = max_new_tokens});
    for (size_t i = 0; i < answers.size(); ++i) keep_reply(items, open.places[i], answers[i].text, pictures);
    open = {};
  }

  void keep_reply(std::vector<Answered>& items, size_t place, const std::string& reply, Pictures pictures) {
    reply_of(items[place], pictures) = reply;
    log_.add(place, pictures, reply);
  }

  static std::string& reply_of(Answered& item, Pictures pictures) {
    return pictures == Pictures::kBlank ? item.blank_reply : item.reply;
  }

  const generate::LoadedModel& model_;
  const EvalOptions& options_;
  generate::Generator generator_;
  data::PromptFormatter format_;
  ReplyLog log_;
  ThreadPool pool_;
};

// Chance: every question gets the right reply of another one of its task.
void answer_by_chance(std::vector<Answered>& items, uint32_t seed) {
  RandomState random(seed);
  for (size_t begin = 0; begin < items.size();) {
    size_t end = begin;
    while (end < items.size() && items[end].question.task == items[begin].question.task) ++end;
    const auto count = static_cast<int64_t>(end - begin);
    for (size_t i = begin; i < end; ++i) {
      // Any other question: an offset from 1 to count - 1 (with a single question there is none but itself).
      const size_t other = begin + (i - begin + static_cast<size_t>(count > 1 ? random.randint(1, count) : 0)) %
                                       static_cast<size_t>(count);
      items[i].chance_reply = true_reply(items[other].question, items[other].size);
    }
    begin = end;
  }
}

std::vector<TaskScore> summarize(const std::vector<Answered>& items, std::span<const Task> tasks, uint32_t seed) {
  std::vector<TaskScore> scores;
  for (const Task task : tasks) {
    TaskScore score{.task = task};
    std::vector<double> values;
    for (const Answered& item : items) {
      if (item.question.task != task) continue;
      values.push_back(item.score);
      score.model += item.score;
      score.blank += item.blank_score;
      score.chance += item.chance_score;
    }
    if (values.empty()) continue;
    score.num_questions = static_cast<int64_t>(values.size());
    for (double* sum : {&score.model, &score.blank, &score.chance}) *sum /= static_cast<double>(values.size());
    score.interval = metrics::bootstrap_mean_interval(values, 0.95, 1000, seed);
    scores.push_back(score);
  }
  return scores;
}

std::vector<Task> without_repeats(const std::vector<Task>& tasks) {
  std::vector<Task> kept;
  for (const Task task : tasks) {
    if (std::find(kept.begin(), kept.end(), task) == kept.end()) kept.push_back(task);
  }
  return kept;
}

}  // namespace

EvalResult evaluate(const generate::LoadedModel& model, const model::ForwardOptions& forward,
                    const EvalOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  EvalOptions resolved = options;
  if (resolved.tasks.empty()) {
    for (const TaskInfo& info : embedded_tasks()) resolved.tasks.push_back(info.task);
  }
  resolved.tasks = without_repeats(resolved.tasks);
  const data::OwnData data = data::read_own_data(options.data);
  const std::vector<data::Record> records = data::select_split(data, options.split);
  EvalResult result;
  result.num_pictures = static_cast<int64_t>(records.size());
  for (const Question& question : make_questions(records, resolved.tasks, options.max_per_task)) {
    result.answers.push_back({.question = question, .image = question.record->images.front()});
  }
  if (result.answers.empty())
    throw Error(fmt::format("[eval] {}: no questions in split '{}'", data.file.string(), options.split));

  Runner runner(model, forward, resolved);
  runner.answer(result.answers, Pictures::kReal);
  if (options.with_blank) runner.answer(result.answers, Pictures::kBlank);
  runner.exchange(result.answers);
  answer_by_chance(result.answers, options.seed);
  for (Answered& item : result.answers) {
    item.score = score_reply(item.question, item.reply, item.size);
    item.blank_score = score_reply(item.question, item.blank_reply, item.size);
    item.chance_score = score_reply(item.question, item.chance_reply, item.size);
    item.question.record = nullptr;  // the records do not outlive this call
  }
  result.scores = summarize(result.answers, resolved.tasks, options.seed);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Json scores_json(const EvalResult& result) {
  Json json = Json::object();
  for (const TaskScore& score : result.scores) {
    json[std::string(task_info(score.task).metric)] = {{"model", score.model},
                                                       {"blank", score.blank},
                                                       {"chance", score.chance},
                                                       {"n", score.num_questions},
                                                       {"interval", {score.interval.low, score.interval.high}}};
  }
  return json;
}

std::string format_scores(const EvalResult& result) {
  std::string text = fmt::format("{:<24} {:>7} {:>16} {:>7} {:>7} {:>6}\n", "score", "model", "95 % interval", "blank",
                                 "chance", "items");
  for (const TaskScore& score : result.scores) {
    text += fmt::format("{:<24} {:>7.3f}   [{:.3f}, {:.3f}] {:>7.3f} {:>7.3f} {:>6}\n", task_info(score.task).metric,
                        score.model, score.interval.low, score.interval.high, score.blank, score.chance,
                        score.num_questions);
  }
  return text;
}

}  // namespace molmo::eval
