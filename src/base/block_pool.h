// Large blocks of memory that come back soon: crops of the next picture take the pages of the last one, which are there
// already. A fresh block of 17 MB costs the kernel more time than cutting the crops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace molmo {

inline constexpr size_t kSmallestPooledBlock = size_t{256} << 10;

/// A block of at least `num_bytes`, aligned to 64. Throws std::bad_alloc. Safe to call from any thread.
void* take_block(size_t num_bytes);
/// Gives it back; `num_bytes` as it was asked for. Up to 256 MiB are kept for the next take_block(), the rest is freed.
void give_back_block(void* block, size_t num_bytes) noexcept;

}  // namespace molmo
