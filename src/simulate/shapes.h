// Results of operators for which LibTorch has no kernel of meta tensors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace molmo::simulate {

/// Makes the results of an operator from its arguments, which are meta tensors.
using ShapeFunction = std::vector<c10::IValue> (*)(const std::vector<c10::IValue>& arguments);

/// Null where LibTorch's own kernel will do. `name`: of the operator with its overload, as "where.self".
ShapeFunction shape_function(const std::string& name);

}  // namespace molmo::simulate
