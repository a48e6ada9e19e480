// The CPU's kernels, one file each; table.cc makes them a KernelTable, which says what they do. Results do not depend
// on the number of threads, nor a row's on the other rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tuple>

#include "tensor/tensor.h"

namespace molmo::tensor::cpu {

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps);
std::tuple<Tensor, Tensor> rms_norm_backward(const Tensor& grad, const Tensor& x, const Tensor& weight, double eps);
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& lengths);
std::tuple<Tensor, Tensor> packed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& segments);
std::tuple<Tensor, Tensor, Tensor> packed_attention_backward(const Tensor& grad, const Tensor& q, const Tensor& k,
                                                             const Tensor& v, const Tensor& out, const Tensor& log_sums,
                                                             const Tensor& segments);
Tensor rope(const Tensor& x, const Tensor& sin, const Tensor& cos);
Tensor sigmoid_unit(const Tensor& x, double a, double b);
Tensor sigmoid_unit_backward(const Tensor& grad, const Tensor& x, double a, double b);
Tensor row_uniforms(const Tensor& keys, int64_t site, int64_t count);
Tensor swiglu(const Tensor& up, const Tensor& gate);
Tensor swiglu_backward(const Tensor& grad, const Tensor& up, const Tensor& gate);

}  // namespace molmo::tensor::cpu
