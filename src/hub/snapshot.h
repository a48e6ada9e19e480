// The files that make a model: which of a repository's to fetch, and whether a folder has them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace molmo::hub {

/// Of a repository's files those to fetch, the weights last: configuration, tokenizer, safetensors or, where there are
/// none, PyTorch's pytorch_model.bin with or without shards. Files of folders, and names that are no plain file names,
/// are left out.
std::vector<std::string> choose_files(const std::vector<std::string>& names);

/// Whether that has weights.
bool has_weights(const std::vector<std::string>& names);

/// What a folder lacks to be a model, or "": another program may have fetched the configuration only, and this one may
/// have been stopped between two shards.
std::string missing_part(const std::filesystem::path& folder);

}  // namespace molmo::hub
