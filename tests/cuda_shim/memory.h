// Device memory of exact size, and the accesses of kernels: g++ compiles them with -fsanitize=thread, whose calls
// before every load and store come here instead of to its library (access_hooks.cc). Each is checked for bounds,
// alignment, and for another thread's access without a barrier between the two. Under AddressSanitizer that tool sees
// bounds instead.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuda_shim {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSeesAccesses = false;
#else
inline constexpr bool kSeesAccesses = true;
#endif

/// Memory that starts `shift` bytes after a multiple of 64, ends with its last byte and is filled with NaNs.
void* allocate(size_t size, size_t shift);
void release(void* memory);

/// What the running thread is about to read or write.
void check_access(const void* address, size_t size, bool is_write);

}  // namespace cuda_shim
