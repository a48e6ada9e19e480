// Tensors of a golden case by name, and their comparison, for the groups behind the torch line.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "support/golden.h"
#include "tensor/tensor.h"

namespace molmo::testing {

using TensorMap = std::map<std::string, Tensor>;

/// Reads a case's safetensors file; a missing file gives an empty map.
TensorMap read_golden_tensors(const std::filesystem::path& path);

/// The tensor, or an undefined one.
Tensor tensor_or_none(const TensorMap& tensors, const std::string& name);

/// max |got - expected| <= absolute + relative * max |expected|. Dtypes may differ, shapes may not.
void expect_tensor_near(GoldenCase& golden, const std::string& what, const Tensor& got, const Tensor& expected,
                        double relative, double absolute = 0.0);

/// |got - expected|_2 <= relative * |expected|_2.
void expect_tensor_l2(GoldenCase& golden, const std::string& what, const Tensor& got, const Tensor& expected,
                      double relative);

/// Every element equal.
void expect_tensor_equal(GoldenCase& golden, const std::string& what, const Tensor& got, const Tensor& expected);

}  // namespace molmo::testing
