// Reads JSON objects that other programs wrote (the public code's configs, Hugging Face's config.json) field by field.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"
#include "config/field.h"

namespace molmo::config {

/// Another spelling of an enum's name.
template <class E>
using Spellings = std::initializer_list<std::pair<std::string_view, E>>;

/// A field that must have one of a few values because nothing else is built.
struct FixedField {
  const char* key;
  std::string_view accepted;  ///< as JSON, separated by '|'; "" accepts only null
};

/// Fields of one JSON object. Absent and null both mean the fallback; a value of another type is an Error that names
/// the source and the field. The object must outlive this.
class JsonFields {
 public:
  JsonFields(const Json& object, std::string where);

  bool has(const char* key) const { return reader_.has(key); }
  void require(std::span<const char* const> keys) const;
  int integer(const char* key, int fallback) const;
  double number(const char* key, double fallback) const;
  bool flag(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  std::vector<int> integers(const char* key, std::vector<int> fallback) const;
  JsonFields object(const char* key) const;
  void expect_fixed(std::span<const FixedField> fields) const;

  /// An enum by our name for it or by another spelling.
  template <class E>
  E choice(const char* key, E fallback, Spellings<E> more = {}) const {
    if (!has(key)) return fallback;
    const std::string given = text(key, "");
    std::string accepted;
    for (const auto& [value, name] : EnumNames<E>::values) {
      if (given == name) return value;
      accepted += (accepted.empty() ? "" : ", ") + std::string(name);
    }
    for (const auto& [name, value] : more) {
      if (given == name) return value;
      accepted += ", " + std::string(name);
    }
    fail(key, "one of " + accepted);
  }

  [[noreturn]] void fail(const char* key, const std::string& expected) const;

 private:
  JsonFields(std::shared_ptr<const JsonRules> rules, ObjectReader reader)
      : rules_(std::move(rules)), reader_(std::move(reader)) {}

  std::shared_ptr<const JsonRules> rules_;
  ObjectReader reader_;
};

}  // namespace molmo::config
