// SPDX-License-Identifier: Apache-2.0
#include "tensor/stopwatch.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace molmo::tensor {

size_t Stopwatch::mark() {
  if (device_.is_cpu()) {
    times_.push_back(std::chrono::steady_clock::now());
    return times_.size() - 1;
  }
  c10::Event& event = events_.emplace_back(device_.type(), c10::EventFlag::BACKEND_DEFAULT);  // one that keeps the time
  event.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  return events_.size() - 1;
}

double Stopwatch::seconds(size_t from, size_t to) const {
  if (device_.is_cpu()) return std::chrono::duration<double>(times_.at(to) - times_.at(from)).count();
  events_.at(from).synchronize();
  events_.at(to).synchronize();
  return 1e-3 * events_[from].elapsedTime(events_[to]);
}

}  // namespace molmo::tensor
