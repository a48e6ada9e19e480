// SPDX-License-Identifier: Apache-2.0
#include "tensor/host_read.h"

#include "tensor/ops.h"

namespace molmo::tensor {

std::vector<double> read_values(const std::vector<Tensor>& tensors) {
  const Tensor values = at::concat(tensors).to(at::kDouble).cpu();
  const double* begin = values.const_data_ptr<double>();
  return {begin, begin + values.numel()};
}

}  // namespace molmo::tensor
