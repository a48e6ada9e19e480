// One line of data.jsonl, from JSON to a Record: every key is checked.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/json_reader.h"
#include "data/own_data.h"

namespace molmo::data {

/// Reads a line. Mistakes go to `rules`. `folder` is what picture names are relative to; `on_picture` gets the bytes of
/// each picture's file.
Record read_record(const Json& json, const std::filesystem::path& folder, const JsonRules& rules,
                   const std::function<void(int64_t)>& on_picture);

}  // namespace molmo::data
