// How the program's memory is taken. CMake chooses between mimalloc.cc and no_mimalloc.cc.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::cli {

/// Memory in pages of 2 MiB, where the allocator knows them: what a step of training takes anew is touched page by
/// page, and large ones make it a sixth faster. MIMALLOC_LARGE_OS_PAGES=0 says otherwise.
void prefer_large_pages();

}  // namespace molmo::cli
