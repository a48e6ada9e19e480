// Activations by name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/model_config.h"
#include "tensor/tensor.h"

namespace molmo::nn {

/// x * sigmoid(1.702 x), GELU (erf or tanh), SiLU or ReLU, elementwise.
Tensor activate(const Tensor& x, config::Activation activation);  // [...] -> [...]

/// silu(gate) * up.
Tensor swiglu(const Tensor& up, const Tensor& gate);  // [..., F], [..., F] -> [..., F]

/// The fused form. PARITY: the first half is the linear branch, silu acts on the second (trap T4).
Tensor swiglu_fused(const Tensor& x);  // [..., 2F] -> [..., F]

}  // namespace molmo::nn
