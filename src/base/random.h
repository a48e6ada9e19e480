// Random number generators that reproduce, draw for draw, those of the public code: NumPy's legacy RandomState
// (MT19937), NumPy's default_rng (PCG64, permutation only) and torch.randperm. Oracle: golden/data/rng.json.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace molmo {

/// NumPy's `RandomState(seed)`: MT19937 with the classic 32-bit initialisation.
/// Source: spec/preprocess.md Appendix A.1.
class RandomState {
 public:
  explicit RandomState(uint32_t seed);

  uint32_t next_u32();
  /// A double in [0, 1) with 53 random bits (two 32-bit draws).
  double random();
  /// An integer in [low, high); draws nothing where high - low == 1. Error if low >= high.
  int64_t randint(int64_t low, int64_t high);
  double uniform(double low, double high) { return low + (high - low) * random(); }
  /// Marsaglia's polar method; the second value is kept for the next call.
  double normal(double mean = 0.0, double standard_deviation = 1.0);
  /// An index drawn with the given probabilities (need not sum to exactly 1: the cumulative sum is renormalised).
  size_t choice(std::span<const double> probabilities);

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i-- > 1;)
      std::swap(values[i], values[static_cast<size_t>(randint(0, static_cast<int64_t>(i) + 1))]);
  }
  /// A shuffled 0..n-1.
  std::vector<int64_t> permutation(size_t n);

 private:
  void refill();
  std::array<uint32_t, 624> state_;
  size_t position_ = 624;
  std::optional<double> spare_normal_;
};

/// `numpy.random.default_rng(seed).permutation(n)`.
std::vector<int64_t> pcg64_permutation(uint64_t seed, size_t n);

/// `torch.randperm(n, generator=torch.Generator().manual_seed(seed))` on the CPU.
std::vector<int64_t> torch_randperm(uint64_t seed, size_t n);

}  // namespace molmo
