// Times the work of a device.
//   Stopwatch watch(device);
//   const size_t begin = watch.mark();  run();  const size_t end = watch.mark();
//   const double seconds = watch.seconds(begin, end);
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Event.h>

#include <chrono>
#include <vector>

#include "tensor/tensor.h"

namespace molmo::tensor {

/// Marks are events in the current stream of a GPU, so that marking does not wait for its work; on the CPU they are
/// times of its clock.
class Stopwatch {
 public:
  explicit Stopwatch(at::Device device) : device_(device) {}

  size_t mark();  ///< the index of the new mark

  /// Seconds from one mark to a later one. Waits until the device has come to both.
  double seconds(size_t from, size_t to) const;

 private:
  at::Device device_;
  std::vector<std::chrono::steady_clock::time_point> times_;  // of the CPU
  std::vector<c10::Event> events_;                            // of a GPU
};

}  // namespace molmo::tensor
