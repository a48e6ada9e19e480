// Weights from and to files: safetensors or .pt, whole models in any released layout, or pre-trained parts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "config/model_config.h"
#include "formats/tensor_source.h"
#include "model/weight_reader.h"
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

/// Values [begin, end) of a flattened parameter.
struct ValueRange {
  int64_t begin = 0, end = 0;
};

/// Where the values of parameters go as they are read, piece by piece and in order.
struct WeightSink {
  /// Takes values of the flattened parameter from `begin` on, in the dtype of its file.
  std::function<void(Parameter& param, int64_t begin, const Tensor& values)> take;
  /// Which values are wanted: the others are not read. None: all.
  std::function<ValueRange(const Parameter& param)> wanted = {};
};

/// Copies over values that are there; meta ones get memory on `device` first, matrices of linear maps in the dtype
/// `matrices` and all else in float32. What is read is in memory once, but for the piece on its way.
WeightSink place_params(at::Device device = at::kCPU, at::ScalarType matrices = at::kFloat);

/// Reads every parameter from a whole model's files (formats::open_tensors; any layout but the parts). One Error,
/// before any value is read, reports missing, extra and misshapen tensors.
void load_weights(ParamSet& params, const config::ModelConfig& config, const std::filesystem::path& path,
                  const WeightSink& sink = place_params());
void load_weights(ParamSet& params, WeightReader reader, const WeightSink& sink);

/// Reads the parameters below `prefix` only, from a whole model or from a pre-trained part (Layout::kLlmPart,
/// kVitPart); other tensors of the files are ignored. Returns the names of what was read: the table of new tokens,
/// which parts lack, may be left. Errors also: a config.json beside the files says that they compute something else
/// than `config`.
std::set<std::string> load_weights_below(ParamSet& params, const config::ModelConfig& config, const std::string& prefix,
                                         const std::filesystem::path& path, const WeightSink& sink = place_params());

/// Rounds the matrices of linear maps to `type`, for passes that compute in it: norms, biases and embeddings stay
/// float32.
void round_matrices(ParamSet& params, at::ScalarType type);

}  // namespace molmo::model
