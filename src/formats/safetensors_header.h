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

/// Tensor -> shard of a model.safetensors.index.json; shards lie beside it. Errors: not an index, a shard that is
/// missing or has a path instead of a file name.
std::map<std::string, std::filesystem::path> parse_index(const std::filesystem::path& index);

}  // namespace molmo::formats
