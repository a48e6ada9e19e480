// The CPU's kernels, one file each; table.cc makes them a KernelTable. Results do not depend on the number of threads,
// nor a row's on the other rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace molmo::tensor::cpu {

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps);
Tensor matvec(const Tensor& x, const Tensor& weight, const Tensor& bias);
Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias);
Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos);
Tensor swiglu(const Tensor& x);

}  // namespace molmo::tensor::cpu
