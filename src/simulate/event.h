// What happens on a simulated GPU, in the order in which the host asks for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace molmo::simulate {

enum class EventKind {
  kElementwise,        ///< bound by memory: norms, activations, softmax, reductions, copies
  kProduct,            ///< a matrix product
  kAttention,          ///< fused attention
  kHostRead,           ///< the host waits for the device and reads a value
  kCopy,               ///< between host and device, asynchronous where `waits` is false
  kCollective,         ///< the start of a collective on the stream of its group
  kAgreement,          ///< a collective between hosts, which wait for it
  kCollectiveFinished  ///< the stream of computation waits for the collective of number `collective`
};

struct Event {
  EventKind kind = EventKind::kElementwise;
  std::string name;  ///< of the operator, or of the collective and its subject
  int num_launches = 0;
  double bytes = 0.0;  ///< read and written; of a collective: sent by one rank
  double flops = 0.0;
  at::ScalarType type = at::kFloat;      ///< of a product's operands
  bool waits = false;                    ///< the host goes on only when all earlier work is done
  int64_t collective = -1;               ///< counts collectives
  int group_size = 1, group_stride = 1;  ///< of a collective: ranks, and the distance between neighbours
};

/// Keeps the events of all threads of the process while it exists; one at a time.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  std::vector<Event> events() const;
  size_t size() const;  ///< events so far: a mark between them
};

/// Adds an event to the recording, if there is one.
void record(Event event);

}  // namespace molmo::simulate
