// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/cpu_kernels.h"
#include "tensor/kernel_table.h"

namespace molmo::tensor {

const KernelTable& cpu_kernels() {
  static constexpr KernelTable table{.rms_norm = cpu::rms_norm,
                                     .rms_norm_backward = cpu::rms_norm_backward,
                                     .linear = cpu::linear,
                                     .decode_attention = cpu::decode_attention,
                                     .packed_attention = cpu::packed_attention,
                                     .packed_attention_backward = cpu::packed_attention_backward,
                                     .rope = cpu::rope,
                                     .sigmoid_unit = cpu::sigmoid_unit,
                                     .sigmoid_unit_backward = cpu::sigmoid_unit_backward,
                                     .swiglu = cpu::swiglu,
                                     .swiglu_backward = cpu::swiglu_backward,
                                     .row_uniforms = cpu::row_uniforms};
  return table;
}

}  // namespace molmo::tensor
