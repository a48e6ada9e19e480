// SPDX-License-Identifier: Apache-2.0
#include "cli/allocator.h"

namespace molmo::cli {

void prefer_large_pages() {}

}  // namespace molmo::cli
