// How many bytes of tensors are alive.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

namespace molmo::tensor {

/// Counts the host's tensors that this thread makes while the meter lives: LibTorch's allocator reports every block.
/// One at a time per thread. Costs a lock per allocation: for benchmarks and tests.
class MemoryMeter {
 public:
  MemoryMeter();
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  int64_t live_bytes() const;  ///< made since the meter began, and not freed
  int64_t peak_bytes() const;  ///< the largest live_bytes() since the meter began

 private:
  class Counter;
  std::shared_ptr<Counter> counter_;
};

}  // namespace molmo::tensor
