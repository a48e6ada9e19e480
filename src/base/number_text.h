// Counts as people read them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace molmo {

/// With separators: "8,021,025,280".
std::string format_count(int64_t count);

/// Three digits and a unit: "8.02 B", "3.40 M", "12.3 k", "512".
std::string format_scaled(int64_t count);

}  // namespace molmo
