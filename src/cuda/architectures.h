// Which devices the kernels have been compiled for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

namespace molmo::cuda {

/// Whether code for the architectures `built`, in ascending order, runs on a device of this compute capability (90 is
/// 9.0). Machine code runs on later devices of its generation; of the last one there is PTX besides, which any later
/// device compiles for itself.
inline bool has_code_for(std::initializer_list<int> built, int capability) {
  for (const int architecture : built)
    if (architecture / 10 == capability / 10 && architecture <= capability) return true;
  return capability >= *(built.end() - 1);
}

}  // namespace molmo::cuda
