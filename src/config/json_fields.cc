// SPDX-License-Identifier: Apache-2.0
#include "config/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

std::shared_ptr<const JsonRules> throw_at(const std::string& where) {
  const auto fail = [where](const std::string& path, const std::string& problem) {
    const std::string field = path.empty() ? "" : fmt::format("field '{}': ", path);
    throw Error(fmt::format("[config] {}: {}{}", where, field, problem));
  };
  return std::make_shared<JsonRules>(JsonRules{.on_problem = fail, .null_is_absent = true});
}

bool is_int(const Json& json) {
  if (json.is_number_unsigned()) return std::in_range<int>(json.get<uint64_t>());
  return json.is_number_integer() && std::in_range<int>(json.get<int64_t>());
}

}  // namespace

JsonFields::JsonFields(const Json& object, std::string where) : rules_(throw_at(where)), reader_(object, *rules_) {}

void JsonFields::fail(const char* key, const std::string& expected) const {
  const Json* value = reader_.find(key);
  value ? reader_.report_value(key, *value, expected) : reader_.report(key, "got nothing, expected " + expected);
  std::abort();  // reports throw
}

void JsonFields::require(std::span<const char* const> keys) const {
  for (const char* key : keys) {
    if (!has(key)) fail(key, "a value");
  }
}

int JsonFields::integer(const char* key, int fallback) const {
  using Limits = std::numeric_limits<int>;
  return has(key) ? static_cast<int>(*reader_.integer(key, Limits::min(), Limits::max())) : fallback;
}

double JsonFields::number(const char* key, double fallback) const { return reader_.number(key).value_or(fallback); }

bool JsonFields::flag(const char* key, bool fallback) const { return reader_.flag(key).value_or(fallback); }

std::string JsonFields::text(const char* key, const std::string& fallback) const {
  return reader_.text(key).value_or(fallback);
}

std::vector<int> JsonFields::integers(const char* key, std::vector<int> fallback) const {
  if (!has(key)) return fallback;
  const Json& list = *reader_.find(key);
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_int)) fail(key, "a list of integers");
  return list.get<std::vector<int>>();
}

JsonFields JsonFields::object(const char* key) const {
  if (!has(key)) fail(key, "an object");
  return JsonFields(rules_, *reader_.object(key));
}

void JsonFields::expect_fixed(std::span<const FixedField> fields) const {
  for (const FixedField& field : fields) {
    if (!has(field.key)) continue;
    const std::string got = brief(*reader_.find(field.key));
    const std::vector<std::string> accepted = split_text(field.accepted, '|');
    if (std::find(accepted.begin(), accepted.end(), got) != accepted.end()) continue;
    fail(field.key, field.accepted.empty() ? "null" : join_text(accepted, " or "));
  }
}

}  // namespace molmo::config
