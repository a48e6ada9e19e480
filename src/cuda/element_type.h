// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::cuda {

enum class ElementType { kFloat32, kBfloat16 };

}  // namespace molmo::cuda
