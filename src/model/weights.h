// Weights from and to files: safetensors or .pt, whole models in any released layout, or pre-trained parts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "config/model_config.h"
#include "formats/tensor_source.h"
#include "tensor/param_set.h"

namespace molmo::model {

at::ScalarType scalar_type(formats::DType dtype);
formats::DType file_dtype(at::ScalarType type);

/// Copies a tensor out of mapped files (whatever its alignment), keeping its dtype; the pages are dropped.
Tensor to_tensor(const formats::TensorView& view);

/// The same for `count` values of the flattened tensor, from `begin` on.
Tensor read_values(const formats::TensorView& view, int64_t begin, int64_t count);  // -> [count]

/// All tensors of one .safetensors file.
std::map<std::string, Tensor> read_tensors(const std::filesystem::path& path);

/// Writes contiguous CPU copies of `tensors`, in name order, atomically.
void write_tensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata = {});

/// Takes the value of a parameter that was read, in the dtype of its file: one after another, so that no more than one
/// is in memory unless it is kept.
using WeightSink = std::function<void(Parameter& param, const Tensor& value)>;

/// Replaces a meta value by one in float32, or copies over a value that is there.
void fill_param(Parameter& param, const Tensor& value);

/// Reads every parameter from a whole model's files (formats::open_tensors; any layout but the parts). One Error,
/// before any value is read, reports every missing, extra and misshapen tensor.
void load_weights(ParamSet& params, const config::ModelConfig& config, const std::filesystem::path& path,
                  const WeightSink& sink = fill_param);

/// Reads the parameters below `prefix` only, from a whole model or from a pre-trained part (Layout::kLlmPart,
/// kVitPart); other tensors of the files are ignored. The table of new tokens, which parts lack, may stay as it is.
void load_weights_below(ParamSet& params, const config::ModelConfig& config, const std::string& prefix,
                        const std::filesystem::path& path, const WeightSink& sink = fill_param);

/// Whether a parameter is the matrix of a linear map, and no table of embeddings.
bool is_matrix_of_linear_map(const Parameter& param);

/// Rounds the matrices of linear maps to `type`, for passes that compute in it: norms, biases and embeddings stay
/// float32.
void round_matrices(ParamSet& params, at::ScalarType type);

}  // namespace molmo::model
