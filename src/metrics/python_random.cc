// SPDX-License-Identifier: Apache-2.0
#include "metrics/python_random.h"

#include <bit>
#include <vector>

#include "base/check.h"

namespace molmo::metrics {
namespace {

// The array initialisation of Matsumoto and Nishimura (2002) for a key of one word, as a seed sequence.
struct ArraySeed {
  using result_type = uint32_t;
  uint32_t key;

  template <class Iterator>
  void generate(Iterator first, Iterator last) {
    const auto n = static_cast<uint32_t>(last - first);
    std::vector<uint32_t> state(n);
    state[0] = 19650218u;
    for (uint32_t i = 1; i < n; ++i) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
    uint32_t i = 1;
    const auto advance = [&] {
      if (++i == n) state[0] = state[n - 1], i = 1;
    };
    for (uint32_t k = 0; k < n; ++k) {
      state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525u)) + key;
      advance();
    }
    for (uint32_t k = 1; k < n; ++k) {
      state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941u)) - i;
      advance();
    }
    state[0] = 0x80000000u;
    std::copy(state.begin(), state.end(), first);
  }
};

std::mt19937 make_engine(uint32_t seed) {
  ArraySeed sequence{seed};
  return std::mt19937(sequence);
}

}  // namespace

PythonRandom::PythonRandom(uint32_t seed) : engine_(make_engine(seed)) {}

size_t PythonRandom::choose(size_t count) {
  MOLMO_CHECK(count > 0 && count <= 0xFFFFFFFFu);
  const int num_bits = std::bit_width(count);
  for (;;) {
    const size_t drawn = engine_() >> (32 - num_bits);
    if (drawn < count) return drawn;
  }
}

}  // namespace molmo::metrics
