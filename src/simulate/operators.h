// What runs in place of a GPU's kernels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

namespace molmo::simulate {

/// Any operator: makes its results, and records what it costs.
/// Errors: tensors of the host among those of the GPU; an operator whose shapes nobody knows (simulate/shapes.cc).
void run_operator(const c10::OperatorHandle& op, torch::jit::Stack* stack);

// Operators between host and device.
void copy_operator(const c10::OperatorHandle& op, torch::jit::Stack* stack);   ///< copy_
void read_operator(const c10::OperatorHandle& op, torch::jit::Stack* stack);   ///< of one value, as item() does
void value_operator(const c10::OperatorHandle& op, torch::jit::Stack* stack);  ///< whose shapes depend on values
void count_operator(const c10::OperatorHandle& op, torch::jit::Stack* stack);  ///< bincount

}  // namespace molmo::simulate
