// What a stamp of Debian's tuxpaint-stamps-default shows, from its path and its caption: a curated table of folders and
// files, and the caption itself ("A stethoscope.") where the table is silent.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace molmo::synth {

struct StampKind {
  std::string name;    ///< singular, lower case: "dog"
  std::string family;  ///< "bird" for a penguin; empty: none
};

/// The kind of the stamp at `path` (below the stamps folder, no extension), or nothing where it is no countable thing.
std::optional<StampKind> find_stamp_kind(std::string_view path, std::string_view caption);

/// The twelve kinds of levels 0 (the first four) and 1: short names, several pictures each, distinct when small.
std::span<const std::string_view> quickstart_kinds();

/// The twelve kinds that no training split shows, at any level.
std::span<const std::string_view> unseen_stamp_kinds();

}  // namespace molmo::synth
