// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/cpu_kernels.h"
#include "tensor/kernels.h"

namespace molmo::tensor {

const KernelTable& cpu_kernels() {
  static constexpr KernelTable table{.rms_norm = cpu::rms_norm,
                                     .matvec = cpu::matvec,
                                     .decode_attention = cpu::decode_attention,
                                     .rope = cpu::rope,
                                     .swiglu = cpu::swiglu};
  return table;
}

}  // namespace molmo::tensor
