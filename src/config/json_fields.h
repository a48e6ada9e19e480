// Reads JSON objects that other programs wrote (the public code's configs, Hugging Face's config.json) field by field.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <set>
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
/// the source and the field. Which fields were asked for is noted, so that the rest can be told. The object must
/// outlive this; copies and inner objects share their notes.
class JsonFields {
 public:
  JsonFields(const Json& object, std::string where);

  bool has(const char* key) const;
  void require(std::span<const char* const> keys) const;
  int integer(const char* key, int fallback) const;
  double number(const char* key, double fallback) const;
  bool flag(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  std::vector<int> integers(const char* key, std::vector<int> fallback) const;
  JsonFields object(const char* key) const;
  void expect_fixed(std::span<const FixedField> fields) const;
  /// Whether the field has one of its values; absent and null count.
  bool has_one_of(const FixedField& field) const;
  /// Notes fields that may have any value.
  void ignore(std::span<const char* const> keys) const;
  /// Fields that have a value and that nobody asked for, those of objects too: "vision_backbone.image_foo".
  std::vector<std::string> unknown() const;

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

  const Json& json() const { return reader_.json(); }
  const std::string& where() const { return file_->where; }

 private:
  struct File {
    std::string where;
    JsonRules rules;
    std::set<std::string> known;  // paths of fields; "vision_backbone." was entered
  };
  JsonFields(std::shared_ptr<File> file, ObjectReader reader) : file_(std::move(file)), reader_(std::move(reader)) {}

  std::shared_ptr<File> file_;
  ObjectReader reader_;
};

}  // namespace molmo::config
