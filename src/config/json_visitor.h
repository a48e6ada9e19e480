// The visitors behind load.h. Include only from .cc files.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/strings.h"
#include "config/config_file.h"
#include "config/field.h"

namespace molmo::config {

struct AnyVisitor {
  template <class T>
  void operator()(const Field&, T&) {}
};

template <class T>
concept Struct = requires(T value, AnyVisitor visitor) {
  value.visit(visitor);
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsList = false;
template <class T>
inline constexpr bool kIsList<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsArray = false;
template <class T, size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;

/// "openai, siglip, dino"
template <class E>
std::string accepted_names() {
  std::string names;
  for (const auto& [value, name] : EnumNames<E>::values) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

/// What a key takes, for help and for problems: "integer >= 1", "one of a, b", "list of number".
template <class T>
std::string type_text(const Field& field) {
  const auto range = [&](std::string name) {
    const bool low = field.min > -std::numeric_limits<double>::infinity(),
               high = field.max < std::numeric_limits<double>::infinity();
    if (low && high) return fmt::format("{} from {:.12g} to {:.12g}", name, field.min, field.max);
    return low    ? fmt::format("{} >= {:.12g}", name, field.min)
           : high ? fmt::format("{} <= {:.12g}", name, field.max)
                  : name;
  };
  if constexpr (std::is_same_v<T, bool>)
    return "true or false";
  else if constexpr (std::is_integral_v<T>)
    return range("integer");
  else if constexpr (std::is_floating_point_v<T>)
    return range("number");
  else if constexpr (std::is_same_v<T, std::string>)
    return "text";
  else if constexpr (std::is_enum_v<T>)
    return "one of " + accepted_names<T>();
  else if constexpr (kIsOptional<T>)
    return type_text<typename T::value_type>(field) + ", or null";
  else if constexpr (kIsList<T>)
    return "list of " + type_text<typename T::value_type>(field);
  else if constexpr (kIsArray<T>)
    return fmt::format("list of {} x {}", std::tuple_size_v<T>, type_text<typename T::value_type>(field));
  else if constexpr (kIsMap<T>)
    return "object of name: " + type_text<typename T::mapped_type>(field);
  else
    return "object";
}

/// Struct -> JSON.
class JsonWriter {
 public:
  explicit JsonWriter(Json& object);
  template <class T>
  void operator()(const Field& field, T& value) {
    put(field.name, json_of(value));
  }

  template <class T>
  static Json json_of(T& value);

 private:
  void put(std::string_view name, Json value);
  Json& object_;
};

/// What reading an object has found.
struct JsonFindings {
  std::vector<std::string> problems;
  bool null_removes = false;  ///< a null is no problem where its key takes none: it is noted below
  std::vector<RemovedKey> removed;
};

/// JSON -> struct, collecting problems.
class JsonReader {
 public:
  JsonReader(const Json& object, std::string prefix, JsonFindings& findings);
  template <class T>
  void operator()(const Field& field, T& value);
  /// Reports the keys that no field has taken.
  void finish();

 private:
  template <class T>
  void read(const Field& field, const Json& json, const std::string& key, T& value);
  const Json& object_;
  std::string prefix_;
  JsonFindings& findings_;
  std::vector<std::string> known_;
};

}  // namespace molmo::config
