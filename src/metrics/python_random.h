// The reference language's own generator: MT19937 seeded through its array initialisation, and its uniform choice.
// Needed for bit parity of MMMU's random fallback. Oracle: golden/metrics/mmmu_random.jsonl.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace molmo::metrics {

class PythonRandom {
 public:
  explicit PythonRandom(uint32_t seed);

  /// An index below `count` (> 0): as many top bits as `count` has, drawn again while not below it.
  size_t choose(size_t count);

 private:
  std::mt19937 engine_;
};

}  // namespace molmo::metrics
