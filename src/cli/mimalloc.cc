// SPDX-License-Identifier: Apache-2.0
#include <mimalloc.h>

#include "cli/allocator.h"

namespace molmo::cli {

void prefer_large_pages() { mi_option_set_enabled_default(mi_option_large_os_pages, true); }

}  // namespace molmo::cli
