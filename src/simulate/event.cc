// SPDX-License-Identifier: Apache-2.0
#include "simulate/event.h"

#include <mutex>

#include "base/check.h"

namespace molmo::simulate {
namespace {

// The backward pass runs on a thread of its own.
std::mutex mutex;
bool is_recording = false;
std::vector<Event> recorded;

}  // namespace

Recording::Recording() {
  const std::lock_guard lock(mutex);
  MOLMO_CHECK(!is_recording, "two recordings of a simulated GPU");
  is_recording = true;
  recorded.clear();
}

Recording::~Recording() {
  const std::lock_guard lock(mutex);
  is_recording = false;
}

std::vector<Event> Recording::events() const {
  const std::lock_guard lock(mutex);
  return recorded;
}

size_t Recording::size() const {
  const std::lock_guard lock(mutex);
  return recorded.size();
}

void record(Event event) {
  const std::lock_guard lock(mutex);
  if (is_recording) recorded.push_back(std::move(event));
}

}  // namespace molmo::simulate
