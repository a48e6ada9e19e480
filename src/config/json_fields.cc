// SPDX-License-Identifier: Apache-2.0
#include "config/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "config/config_file.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

bool is_int(const Json& json) {
  if (json.is_number_unsigned()) return std::in_range<int>(json.get<uint64_t>());
  return json.is_number_integer() && std::in_range<int>(json.get<int64_t>());
}

}  // namespace

JsonFields::JsonFields(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {
  if (!object.is_object()) {
    throw Error(fmt::format("[config] {}: got a JSON {}, expected an object", where_, object.type_name()));
  }
}

void JsonFields::fail(const char* key, const std::string& expected) const {
  const std::string got = has(key) ? brief(object_->at(key)) : "nothing";
  throw Error(fmt::format("[config] {}: field '{}': got {}, expected {}", where_, key, got, expected));
}

bool JsonFields::has(const char* key) const {
  const auto found = object_->find(key);
  return found != object_->end() && !found->is_null();
}

void JsonFields::require(std::span<const char* const> keys) const {
  for (const char* key : keys) {
    if (!has(key)) fail(key, "a value");
  }
}

int JsonFields::integer(const char* key, int fallback) const {
  if (!has(key)) return fallback;
  if (!is_int(object_->at(key))) fail(key, "an integer");
  return object_->at(key).get<int>();
}

double JsonFields::number(const char* key, double fallback) const {
  if (!has(key)) return fallback;
  if (!object_->at(key).is_number()) fail(key, "a number");
  return object_->at(key).get<double>();
}

bool JsonFields::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!object_->at(key).is_boolean()) fail(key, "true or false");
  return object_->at(key).get<bool>();
}

std::string JsonFields::text(const char* key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  if (!object_->at(key).is_string()) fail(key, "text");
  return object_->at(key).get<std::string>();
}

std::vector<int> JsonFields::integers(const char* key, std::vector<int> fallback) const {
  if (!has(key)) return fallback;
  const Json& list = object_->at(key);
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_int)) fail(key, "a list of integers");
  return list.get<std::vector<int>>();
}

JsonFields JsonFields::object(const char* key) const {
  if (!has(key) || !object_->at(key).is_object()) fail(key, "an object");
  return JsonFields(object_->at(key), where_ + ", " + key);
}

void JsonFields::expect_fixed(std::span<const FixedField> fields) const {
  for (const FixedField& field : fields) {
    if (!has(field.key)) continue;
    const std::string got = brief(object_->at(field.key));
    const std::vector<std::string> accepted = split_text(field.accepted, '|');
    if (std::find(accepted.begin(), accepted.end(), got) != accepted.end()) continue;
    fail(field.key, field.accepted.empty() ? "null" : join_text(accepted, " or "));
  }
}

}  // namespace molmo::config
