// What an operator of a GPU costs: kernels launched, bytes moved, operations.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <optional>
#include <vector>

#include "simulate/event.h"

namespace molmo::simulate {

/// The tensors in a value: one, a list, or none.
std::vector<Tensor> tensors_in(const c10::IValue& value);

/// Bytes of the distinct values of a tensor: those that an expanded axis repeats are read from the cache.
double distinct_bytes(const Tensor& tensor);

/// Nothing for operators that start no kernel (views, allocations). Arguments and results are those of the call, on the
/// simulated GPU. Bytes are each operand's once: what a kernel reads twice comes from the cache or is its own affair.
std::optional<Event> cost_of(const c10::FunctionSchema& schema, const std::vector<c10::IValue>& arguments,
                             const std::vector<c10::IValue>& results);

}  // namespace molmo::simulate
