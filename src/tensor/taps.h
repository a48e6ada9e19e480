// Named taps: every intermediate that a test compares with the reference, layer by layer, is passed to tap(). They cost
// nothing without a listener.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "tensor/tensor.h"

namespace molmo {

using TapSink = std::function<void(const std::string& name, const Tensor& value)>;

/// True while a TapScope listens on this thread; guards taps whose value has to be computed.
bool taps_are_heard();

/// Passes `value` to the listener, if any.
void tap(const char* name, const Tensor& value);
void tap(const char* prefix, int64_t index, const char* suffix, const Tensor& value);  ///< "<prefix><index><suffix>"

/// Listens on this thread for its lifetime.
class TapScope {
 public:
  explicit TapScope(TapSink sink);
  ~TapScope();
  TapScope(const TapScope&) = delete;
  TapScope& operator=(const TapScope&) = delete;

 private:
  TapSink sink_;
  const TapSink* previous_;
};

}  // namespace molmo
