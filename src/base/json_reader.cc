// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/choices.h"

namespace molmo {

ObjectReader::ObjectReader(const Json& json, const JsonRules& rules, std::string path)
    : json_(&json), rules_(&rules), path_(std::move(path)) {
  if (!json.is_object()) rules_->on_problem(path_, fmt::format("got {}, expected an object", brief(json)));
}

std::string ObjectReader::path_of(std::string_view key) const {
  return path_.empty() || key.empty() ? path_ + std::string(key) : fmt::format("{}.{}", path_, key);
}

void ObjectReader::report(std::string_view key, const std::string& problem) const {
  rules_->on_problem(path_of(key), problem);
}

void ObjectReader::report_value(std::string_view key, const Json& value, std::string_view expected) const {
  report(key, fmt::format("got {}, expected {}", brief(value), expected));
}

const Json* ObjectReader::find(const char* key) const {
  if (!json_->is_object()) return nullptr;
  const auto found = json_->find(key);
  return found == json_->end() || (rules_->null_is_absent && found->is_null()) ? nullptr : &*found;
}

const Json* ObjectReader::require(const char* key, std::string_view expected) const {
  const Json* value = find(key);
  if (!value && json_->is_object()) report(key, fmt::format("missing, expected {}", expected));
  return value;
}

std::optional<bool> ObjectReader::flag(const char* key) const {
  const Json* value = find(key);
  if (value && value->is_boolean()) return value->get<bool>();
  if (value) report_value(key, *value, "true or false");
  return std::nullopt;
}

std::optional<std::string> ObjectReader::text(const char* key) const {
  const Json* value = find(key);
  if (value && value->is_string()) return value->get<std::string>();
  if (value) report_value(key, *value, "text");
  return std::nullopt;
}

std::optional<double> ObjectReader::number(const char* key) const {
  const Json* value = find(key);
  if (value && value->is_number()) return value->get<double>();
  if (value) report_value(key, *value, "a number");
  return std::nullopt;
}

std::optional<int64_t> ObjectReader::integer(const char* key, int64_t min, int64_t max) const {
  constexpr int64_t kInt = std::numeric_limits<int>::max(), kMost = std::numeric_limits<int64_t>::max();
  const Json* value = find(key);
  if (!value) return std::nullopt;
  const bool is_integer =
      value->is_number_unsigned() ? std::in_range<int64_t>(value->get<uint64_t>()) : value->is_number_integer();
  if (is_integer && value->get<int64_t>() >= min && value->get<int64_t>() <= max) return value->get<int64_t>();
  report_value(key, *value,
               min < -kInt    ? "an integer"
               : max == kMost ? fmt::format("an integer of at least {}", min)
                              : fmt::format("an integer from {} to {}", min, max));
  return std::nullopt;
}

const Json* ObjectReader::list(const char* key) const {
  const Json* value = find(key);
  if (!value || value->is_array()) return value;
  report_value(key, *value, "a list");
  return nullptr;
}

std::vector<std::string> ObjectReader::texts(const char* key, bool allow_single) const {
  const Json* value = find(key);
  if (value && allow_single && value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> out;
  const Json* items = list(key);
  for (size_t i = 0; items && i < items->size(); ++i) {
    const Json& item = (*items)[i];
    item.is_string() ? void(out.push_back(item.get<std::string>()))
                     : report_value(fmt::format("{}[{}]", key, i), item, "text");
  }
  return out;
}

std::optional<ObjectReader> ObjectReader::object(const char* key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  ObjectReader reader(*value, *rules_, path_of(key));
  return value->is_object() ? std::optional(std::move(reader)) : std::nullopt;
}

std::vector<ObjectReader> ObjectReader::objects(const char* key) const {
  std::vector<ObjectReader> out;
  const Json* items = list(key);
  for (size_t i = 0; items && i < items->size(); ++i) {
    out.emplace_back((*items)[i], *rules_, path_of(fmt::format("{}[{}]", key, i)));
  }
  return out;
}

void ObjectReader::expect_keys(const std::vector<std::string>& keys) const {
  if (!json_->is_object()) return;
  for (const auto& [key, value] : json_->items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) report(key, "unknown key" + did_you_mean(key, keys));
  }
}

}  // namespace molmo
