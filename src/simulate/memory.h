// Memory of the simulated GPU: addresses that nobody can read, counted; and for some of it values on the host.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Allocator.h>

#include <cstdint>

namespace molmo::simulate {

/// Allocates addresses for CUDA storages.
c10::Allocator& gpu_allocator();

/// Host memory for the values of an allocation, of its size: null where they are not known. An address may lie anywhere
/// in an allocation; what is returned is the allocation's begin.
void* host_values(const void* address);
/// Gives an allocation host memory (zeroed) or takes it away.
void* add_host_values(const void* address);
void drop_host_values(const void* address);

/// Page-locked memory of the host, which is plain memory here, but known as page-locked.
c10::Allocator& pinned_allocator();
bool is_pinned(const void* address);

}  // namespace molmo::simulate
