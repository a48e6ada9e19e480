// Vectors that are written in full anyway: their growth leaves numbers as they are in memory, instead of zeros, and
// large ones take pooled blocks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <new>
#include <vector>

#include "base/block_pool.h"

namespace molmo {

template <class T>
struct DefaultInitAllocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = DefaultInitAllocator<U>;
  };
  using std::allocator<T>::allocator;

  T* allocate(size_t count) {
    if (count > static_cast<size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    const size_t num_bytes = count * sizeof(T);
    return num_bytes < kSmallestPooledBlock ? std::allocator<T>::allocate(count)
                                            : static_cast<T*>(take_block(num_bytes));
  }
  void deallocate(T* at, size_t count) noexcept {
    const size_t num_bytes = count * sizeof(T);
    num_bytes < kSmallestPooledBlock ? std::allocator<T>::deallocate(at, count) : give_back_block(at, num_bytes);
  }

  template <class U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class... Args>
  void construct(U* at, Args&&... args) {
    std::construct_at(at, std::forward<Args>(args)...);
  }
};

template <class T>
using DefaultInitVector = std::vector<T, DefaultInitAllocator<T>>;

}  // namespace molmo
