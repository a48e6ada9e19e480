// The one way in which a training step reads values of the device: each read makes the host wait until the device has
// done all it was asked for, so that there is nothing left for it to do while the host goes on. A test counts the waits of
// a step (docs/budget.md).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace molmo::tensor {

/// The values of one-dimensional tensors of one device, one tensor's behind another's, in a single copy to the host.
/// float64.
std::vector<double> read_values(const std::vector<Tensor>& tensors);

}  // namespace molmo::tensor
