// Analog clock faces that show a given time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/random.h"
#include "synth/sprite.h"

namespace molmo::synth {

/// A time on a twelve-hour dial.
struct DialTime {
  int hour = 12;   ///< 1..12
  int minute = 0;  ///< 0..59

  /// "8:05"
  std::string text() const;
};

/// A time whose minutes are a multiple of `minute_step`.
DialTime draw_dial_time(int minute_step, RandomState& random);

/// Draws a clock in random colours and dial (numbers, quarters or ticks; round or square). Never flipped or turned.
Sprite draw_clock(const DialTime& time, RandomState& random);

}  // namespace molmo::synth
