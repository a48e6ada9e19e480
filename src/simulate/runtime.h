// The simulated GPU as LibTorch's run time sees it: one device, one stream, no errors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::simulate {

/// Makes LibTorch believe that a CUDA device is there: guard, hooks and allocator. Once per process.
void install_runtime();

}  // namespace molmo::simulate
