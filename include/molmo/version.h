// Version of molmo.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo {
inline constexpr const char* kVersion = "0.1.0";
}
