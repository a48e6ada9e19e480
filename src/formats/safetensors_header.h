// The header of a safetensors file, checked field by field, and the index of a sharded checkpoint.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/safetensors.h"

namespace molmo::formats {

struct Header {
  std::vector<TensorView> tensors;  ///< in order of their data
  std::map<std::string, std::string> metadata;
};

/// Parses the header of a whole file's bytes; `where` names it in errors.
Header parse_header(std::span<const uint8_t> file, const std::string& where);

/// The shard files that an index names, each once, sorted. Errors: a shard that is missing or lies outside `folder`.
std::vector<std::filesystem::path> indexed_shards(const std::filesystem::path& folder, const std::filesystem::path& index);

}  // namespace molmo::formats
