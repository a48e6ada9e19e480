// SPDX-License-Identifier: Apache-2.0
#include "data/json_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

constexpr size_t kMaxShown = 20;

// A value as an error shows it: short, on one line.
std::string show(const Json& value) {
  std::string text = format_json_line(value);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

}  // namespace

void ProblemList::add(size_t line, const std::string& key, const std::string& problem) {
  if (++num_problems_ > kMaxShown) return;
  shown_.push_back(key.empty() ? fmt::format("line {}: {}", line, problem)
                               : fmt::format("line {}, {}: {}", line, key, problem));
}

void ProblemList::throw_if_any(const std::string& file) const {
  if (empty()) return;
  std::string message = fmt::format("[data] {}: {} problem{}", file, num_problems_, num_problems_ == 1 ? "" : "s");
  for (const std::string& problem : shown_) message += "\n  " + problem;
  if (num_problems_ > kMaxShown) message += fmt::format("\n  ... and {} more", num_problems_ - kMaxShown);
  throw Error(message);
}

ObjectChecker::ObjectChecker(const Json& json, std::string path, size_t line, ProblemList& problems)
    : json_(&json), path_(std::move(path)), line_(line), problems_(&problems) {
  if (json.is_object()) return;
  const std::string key = path_.empty() ? "" : path_.substr(0, path_.size() - 1);
  problems.add(line, key, fmt::format("got {}, expected an object", show(json)));
}

void ObjectChecker::expect_keys(std::initializer_list<std::string_view> keys) const {
  if (!json_->is_object()) return;
  for (const auto& [key, value] : json_->items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string nearest = nearest_name(key, std::vector<std::string>(keys.begin(), keys.end()));
    add_problem(key, nearest.empty() ? "unknown key" : fmt::format("unknown key (did you mean '{}'?)", nearest));
  }
}

bool ObjectChecker::has(const char* key) const { return find(key) != nullptr; }

std::optional<std::string> ObjectChecker::text(const char* key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  add_problem(key, fmt::format("got {}, expected text", show(*value)));
  return std::nullopt;
}

std::string ObjectChecker::required_text(const char* key) const {
  if (!find_required(key, "text")) return "";
  const std::optional<std::string> value = text(key);
  if (value && value->empty()) add_problem(key, "got an empty text");
  return value.value_or("");
}

std::vector<std::string> ObjectChecker::texts(const char* key, bool allow_single) const {
  const Json* value = find(key);
  if (value && allow_single && value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> out;
  const Json* list = find_list(key);
  for (size_t i = 0; list && i < list->size(); ++i) {
    const Json& item = (*list)[i];
    if (item.is_string()) {
      out.push_back(item.get<std::string>());
    } else {
      add_problem(fmt::format("{}[{}]", key, i), fmt::format("got {}, expected text", show(item)));
    }
  }
  return out;
}

int64_t ObjectChecker::required_integer(const char* key, int64_t min, int64_t max) const {
  const Json* value = find_required(key, "an integer");
  if (!value) return min;
  const bool fits = value->is_number_integer() && !(value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX);
  if (fits && value->get<int64_t>() >= min && value->get<int64_t>() <= max) return value->get<int64_t>();
  const bool has_max = max != std::numeric_limits<int64_t>::max();
  add_problem(key, fmt::format("got {}, expected an integer {}", show(*value),
                               has_max ? fmt::format("from {} to {}", min, max) : fmt::format("of at least {}", min)));
  return min;
}

template <size_t N>
std::vector<std::array<double, N>> ObjectChecker::tuples(const char* key, double max) const {
  std::vector<std::array<double, N>> out;
  const Json* list = find_list(key);
  for (size_t i = 0; list && i < list->size(); ++i) {
    out.push_back(read_tuple<N>((*list)[i], fmt::format("{}[{}]", key, i), max));
  }
  return out;
}

template <size_t N>
std::array<double, N> ObjectChecker::required_tuple(const char* key, double max) const {
  const Json* value = find_required(key, "a list of numbers");
  return value ? read_tuple<N>(*value, key, max) : std::array<double, N>{};
}

template std::vector<std::array<double, 2>> ObjectChecker::tuples<2>(const char*, double) const;
template std::vector<std::array<double, 4>> ObjectChecker::tuples<4>(const char*, double) const;
template std::array<double, 4> ObjectChecker::required_tuple<4>(const char*, double) const;

template <size_t N>
std::array<double, N> ObjectChecker::read_tuple(const Json& value, const std::string& key, double max) const {
  std::array<double, N> out{};
  bool is_good = value.is_array() && value.size() == N;
  for (size_t i = 0; is_good && i < N; ++i) {
    is_good = value[i].is_number() && value[i].get<double>() >= 0 && value[i].get<double>() <= max;
    if (is_good) out[i] = value[i].get<double>();
  }
  if (!is_good) add_problem(key, fmt::format("got {}, expected {} numbers from 0 to {}", show(value), N, max));
  return out;
}

std::vector<ObjectChecker> ObjectChecker::objects(const char* key) const {
  std::vector<ObjectChecker> out;
  const Json* list = find_list(key);
  for (size_t i = 0; list && i < list->size(); ++i) {
    out.emplace_back((*list)[i], fmt::format("{}{}[{}].", path_, key, i), line_, *problems_);
  }
  return out;
}

void ObjectChecker::add_problem(const std::string& key, const std::string& problem) const {
  problems_->add(line_, path_ + key, problem);
}

const Json* ObjectChecker::find(const char* key) const {
  if (!json_->is_object()) return nullptr;
  const auto found = json_->find(key);
  return found == json_->end() ? nullptr : &*found;
}

const Json* ObjectChecker::find_required(const char* key, const char* expected) const {
  const Json* value = find(key);
  if (!value && json_->is_object()) add_problem(key, fmt::format("missing, expected {}", expected));
  return value;
}

const Json* ObjectChecker::find_list(const char* key) const {
  const Json* value = find(key);
  if (!value || value->is_array()) return value;
  add_problem(key, fmt::format("got {}, expected a list", show(*value)));
  return nullptr;
}

}  // namespace molmo::data
