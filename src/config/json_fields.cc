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

JsonRules throw_at(const std::string& where) {
  const auto fail = [where](const std::string& path, const std::string& problem) {
    const std::string field = path.empty() ? "" : fmt::format("field '{}': ", path);
    throw Error(fmt::format("[config] {}: {}{}", where, field, problem));
  };
  return {.on_problem = fail, .null_is_absent = true};
}

bool is_int(const Json& json) {
  if (json.is_number_unsigned()) return std::in_range<int>(json.get<uint64_t>());
  return json.is_number_integer() && std::in_range<int>(json.get<int64_t>());
}

}  // namespace

JsonFields::JsonFields(const Json& object, std::string where)
    : file_(std::make_shared<File>(File{.where = where, .rules = throw_at(where), .known = {}})),
      reader_(object, file_->rules) {}

bool JsonFields::has(const char* key) const {
  file_->known.insert(reader_.path_of(key));
  return reader_.has(key);
}

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

double JsonFields::number(const char* key, double fallback) const { return has(key) ? *reader_.number(key) : fallback; }

bool JsonFields::flag(const char* key, bool fallback) const { return has(key) ? *reader_.flag(key) : fallback; }

std::string JsonFields::text(const char* key, const std::string& fallback) const {
  return has(key) ? *reader_.text(key) : fallback;
}

std::vector<int> JsonFields::integers(const char* key, std::vector<int> fallback) const {
  if (!has(key)) return fallback;
  const Json& list = *reader_.find(key);
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_int)) fail(key, "a list of integers");
  return list.get<std::vector<int>>();
}

JsonFields JsonFields::object(const char* key) const {
  if (!has(key)) fail(key, "an object");
  file_->known.insert(reader_.path_of(key) + ".");
  return JsonFields(file_, *reader_.object(key));
}

void JsonFields::ignore(std::span<const char* const> keys) const {
  for (const char* key : keys) file_->known.insert(reader_.path_of(key));
}

std::vector<std::string> JsonFields::unknown() const {
  std::vector<std::string> names;
  for (const auto& [key, value] : json().items()) {
    const std::string name = reader_.path_of(key);
    if (value.is_object() && file_->known.contains(name + ".")) {
      const std::vector<std::string> below = object(key.c_str()).unknown();
      names.insert(names.end(), below.begin(), below.end());
    } else if (!value.is_null() && !file_->known.contains(name)) {
      names.push_back(name);
    }
  }
  return names;
}

bool JsonFields::has_one_of(const FixedField& field) const {
  if (!has(field.key)) return true;
  const std::vector<std::string> accepted = split_text(field.accepted, '|');
  return std::find(accepted.begin(), accepted.end(), brief(*reader_.find(field.key))) != accepted.end();
}

void JsonFields::expect_fixed(std::span<const FixedField> fields) const {
  for (const FixedField& field : fields) {
    if (!has_one_of(field))
      fail(field.key, field.accepted.empty() ? "null" : join_text(split_text(field.accepted, '|'), " or "));
  }
}

}  // namespace molmo::config
