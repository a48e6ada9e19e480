// Safetensors files that hold one slice of every tensor each, as the ranks of a sharded run write them: a tensor is its
// slices one after another, flattened. The files say so in their metadata, so that readers join them unasked.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/safetensors.h"

namespace molmo::formats {

using Shapes = std::map<std::string, std::vector<int64_t>>;

/// Metadata of slice `slice` (from 0) of `num_slices`; `shapes` are those of the whole tensors.
std::map<std::string, std::string> slice_metadata(int slice, int num_slices, const Shapes& shapes);

/// Whether a file is one of several slices.
bool holds_slices(const SafetensorsFile& file);

/// The whole tensors of files that are slices of each other, sorted by name.
/// Errors: a slice that is missing or there twice; slices that do not add up to a tensor's shape.
std::vector<TensorView> join_slices(const std::vector<SafetensorsFile>& files, const std::filesystem::path& folder);

}  // namespace molmo::formats
