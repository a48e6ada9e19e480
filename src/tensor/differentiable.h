// Autograd functions of kernels that have a backward kernel. Arguments have the layout that the table requires; callers
// outside of this folder use tensor/kernels.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/kernel_table.h"

namespace molmo::tensor::differentiable {

Tensor rms_norm(const KernelTable& table, const Tensor& x, const Tensor& weight, double eps);
Tensor packed_attention(const KernelTable& table, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& segments);
Tensor rope(const KernelTable& table, const Tensor& x, const Tensor& sin, const Tensor& cos);
Tensor sigmoid_unit(const KernelTable& table, const Tensor& x, double a, double b);
Tensor swiglu(const KernelTable& table, const Tensor& up, const Tensor& gate);
Tensor swiglu_fused(const KernelTable& table, const Tensor& x);

}  // namespace molmo::tensor::differentiable
