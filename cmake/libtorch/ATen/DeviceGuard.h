// Stands before LibTorch's header of this name, which every ATen/ops/*.h includes for generated code that only LibTorch
// itself compiles. The whole one brings IValue and its lists: 1.5 s in each file that includes an operator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/DeviceGuard.h>

#ifdef MOLMO_WHOLE_DEVICE_GUARD  // for a file that needs at::device_of
#include_next <ATen/DeviceGuard.h>
#endif
