// SPDX-License-Identifier: Apache-2.0
#include "tensor/taps.h"

namespace molmo {
namespace {
thread_local const TapSink* current_sink = nullptr;
}

bool taps_are_heard() { return current_sink != nullptr; }

void tap(const char* name, const Tensor& value) {
  if (current_sink != nullptr) (*current_sink)(name, value);
}

void tap(const char* prefix, int64_t index, const char* suffix, const Tensor& value) {
  if (current_sink != nullptr) (*current_sink)(prefix + std::to_string(index) + suffix, value);
}

TapScope::TapScope(TapSink sink) : sink_(std::move(sink)), previous_(current_sink) { current_sink = &sink_; }
TapScope::~TapScope() { current_sink = previous_; }

}  // namespace molmo
