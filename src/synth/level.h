// What the levels of difficulty mean, in numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace molmo::synth {

/// Settings of one level. Sides are in pixels, fractions are of the picture's shorter side.
struct Level {
  int64_t num_train, num_test;  ///< pictures, where the user names no number
  int num_kinds;                ///< of the quickstart kinds; 0: all kinds there are
  int num_unseen_kinds;
  int max_objects;
  int max_others;  ///< of them that are not of the kind which is counted
  int min_side, max_side;
  double min_aspect;              ///< shorter side over longer side; 1: square pictures only
  double min_object, max_object;  ///< longer side of an object
  double min_visible;             ///< share of an object that others may not cover
  int minute_step;                ///< of the clocks
  bool is_rich;                   ///< varied wording, clutter, two-coloured backgrounds
};

inline constexpr Level kLevels[] = {
    {.num_train = 16,
     .num_test = 8,
     .num_kinds = 4,
     .num_unseen_kinds = 4,
     .max_objects = 3,
     .max_others = 3,
     .min_side = 96,
     .max_side = 160,
     .min_aspect = 0.6,
     .min_object = 0.20,
     .max_object = 0.40,
     .min_visible = 0.95,
     .minute_step = 15,
     .is_rich = false},
    {.num_train = 2000,
     .num_test = 200,
     .num_kinds = 12,
     .num_unseen_kinds = 12,
     .max_objects = 6,
     .max_others = 2,
     .min_side = 160,
     .max_side = 1200,
     .min_aspect = 1.0,
     .min_object = 0.08,
     .max_object = 0.40,
     .min_visible = 0.85,
     .minute_step = 5,
     .is_rich = false},
    {.num_train = 8000,
     .num_test = 400,
     .num_kinds = 0,
     .num_unseen_kinds = 12,
     .max_objects = 10,
     .max_others = 10,
     .min_side = 240,
     .max_side = 1200,
     .min_aspect = 0.6,
     .min_object = 0.08,
     .max_object = 0.40,
     .min_visible = 0.60,
     .minute_step = 1,
     .is_rich = true},
};

}  // namespace molmo::synth
