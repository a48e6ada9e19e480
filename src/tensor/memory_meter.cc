// SPDX-License-Identifier: Apache-2.0
#include "tensor/memory_meter.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <atomic>

namespace molmo::tensor {

class MemoryMeter::Counter : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t alloc_size, size_t, size_t, c10::Device) override {
    const int64_t now = live += alloc_size;  // negative where a block is freed
    int64_t before = peak;
    while (before < now && !peak.compare_exchange_weak(before, now)) {
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  std::atomic<int64_t> live = 0, peak = 0;
};

MemoryMeter::MemoryMeter() : counter_(std::make_shared<Counter>()) {
  c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PROFILER_STATE, counter_);
}

MemoryMeter::~MemoryMeter() { c10::ThreadLocalDebugInfo::_pop(c10::DebugInfoKind::PROFILER_STATE); }

int64_t MemoryMeter::live_bytes() const { return counter_->live; }

int64_t MemoryMeter::peak_bytes() const { return counter_->peak; }

}  // namespace molmo::tensor
