// How a config struct names its fields: one `visit` per struct serves parsing, printing, comparing, help and
// validation.
//
//   struct PoolConfig {
//     int height = 2;
//     template <class V>
//     void visit(V& v) {
//       v({.name = "height", .help = "rows of a pooling window", .min = 1}, height);
//     }
//   };
//
// Field types: bool, int, int64_t, double, std::string, an enum with EnumNames, std::optional of those, std::vector of
// those, std::array<int, N>, std::map<std::string, Struct>, and structs with `visit`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <string_view>
#include <utility>

namespace molmo::config {

/// Name, meaning and accepted range of one key.
struct Field {
  std::string_view name;
  std::string_view help;
  double min = -std::numeric_limits<double>::infinity();  ///< numbers: smallest accepted value (of each element)
  double max = std::numeric_limits<double>::infinity();   ///< numbers: largest accepted value
};

/// Specialise with `static constexpr std::pair<E, std::string_view> values[]` to make an enum a config field.
template <class E>
struct EnumNames;

/// The text of an enum value.
template <class E>
constexpr std::string_view enum_name(E value) {
  for (const auto& [candidate, name] : EnumNames<E>::values) {
    if (candidate == value) return name;
  }
  return "?";
}

}  // namespace molmo::config
