// Weights from and to safetensors under the released names.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "formats/safetensors.h"
#include "tensor/param_set.h"

namespace molmo::model {

/// Copies a tensor out of a mapped file (whatever its alignment), keeping its dtype.
Tensor to_tensor(const formats::TensorView& view);

/// All tensors of one .safetensors file.
std::map<std::string, Tensor> read_tensors(const std::filesystem::path& path);

/// Writes contiguous CPU copies of `tensors`, in name order, atomically.
void write_tensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata = {});

/// Fills every parameter from a folder (model.safetensors, or an index and its shards),
/// converting to float32. One Error reports every missing, extra and misshapen tensor.
void load_weights(ParamSet& params, const std::filesystem::path& folder);

/// Fills the parameters below `prefix` only; other tensors of the folder are ignored.
void load_weights_below(ParamSet& params, const std::string& prefix, const std::filesystem::path& folder);

/// Writes model.safetensors into `folder`.
void save_weights(const ParamSet& params, const std::filesystem::path& folder);

}  // namespace molmo::model
