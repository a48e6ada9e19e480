// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace molmo {
namespace {

constexpr size_t kStateWords = 624, kMiddleWord = 397;

std::vector<int64_t> count_up(size_t n) {
  std::vector<int64_t> values(n);
  std::iota(values.begin(), values.end(), int64_t{0});
  return values;
}

/// An integer in [0, last] by masking and rejection; draws nothing for last == 0.
template <class Generator>
uint64_t draw_up_to(uint64_t last, Generator& generator) {
  if (last == 0) return 0;
  const uint64_t mask = std::numeric_limits<uint64_t>::max() >> std::countl_zero(last);
  const bool is_wide = last > std::numeric_limits<uint32_t>::max();
  uint64_t value;
  do {
    value = generator.next_u32();
    if (is_wide) value = (value << 32) | generator.next_u32();
    value &= mask;
  } while (value > last);
  return value;
}

/// NumPy's SeedSequence for an integer of at most 64 bits: a pool of four hashed and mixed words.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t seed) {
    const uint32_t entropy[4] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), 0, 0};
    uint32_t hash = 0x43b0d7e5u;
    for (size_t i = 0; i < 4; ++i) pool_[i] = hash_and_advance(entropy[i], hash, 0x931e8875u);
    for (size_t from = 0; from < 4; ++from) {
      for (size_t to = 0; to < 4; ++to) {
        if (from != to) pool_[to] = mix(pool_[to], hash_and_advance(pool_[from], hash, 0x931e8875u));
      }
    }
  }

  std::array<uint64_t, 4> generate() const {
    std::array<uint64_t, 4> state{};
    uint32_t hash = 0x8b51f9ddu;
    for (size_t i = 0; i < 8; ++i) {
      const uint64_t word = hash_and_advance(pool_[i % 4], hash, 0x58f38dedu);
      state[i / 2] |= word << (i % 2 ? 32 : 0);
    }
    return state;
  }

 private:
  static uint32_t hash_and_advance(uint32_t value, uint32_t& hash, uint32_t multiplier) {
    value ^= hash;
    hash *= multiplier;
    value *= hash;
    return value ^ (value >> 16);
  }
  static uint32_t mix(uint32_t x, uint32_t y) {
    const uint32_t mixed = 0xca01f9ddu * x - 0x4973f715u * y;
    return mixed ^ (mixed >> 16);
  }

  uint32_t pool_[4];
};

/// PCG XSL-RR 128/64. 32-bit draws take the low half of a 64-bit draw first and keep the high half.
class Pcg64 {
 public:
  explicit Pcg64(uint64_t seed) {
    const auto words = SeedSequence(seed).generate();
    increment_ = (join(words[2], words[3]) << 1) | 1;
    step();
    state_ += join(words[0], words[1]);
    step();
  }

  uint64_t next_u64() {
    step();
    const uint64_t folded = static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_);
    return std::rotr(folded, static_cast<int>(state_ >> 122));
  }

  uint32_t next_u32() {
    if (kept_) return *std::exchange(kept_, std::nullopt);
    const uint64_t value = next_u64();
    kept_ = static_cast<uint32_t>(value >> 32);
    return static_cast<uint32_t>(value);
  }

 private:
  __extension__ using Word = unsigned __int128;
  static Word join(uint64_t high, uint64_t low) { return (Word{high} << 64) | low; }
  void step() { state_ = state_ * join(0x2360ed051fc65da4u, 0x4385df649fccf645u) + increment_; }

  Word state_ = 0, increment_ = 0;
  std::optional<uint32_t> kept_;
};

}  // namespace

RandomState::RandomState(uint32_t seed) {
  state_[0] = seed;
  for (uint32_t i = 1; i < kStateWords; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
}

void RandomState::refill() {
  const auto twist = [](uint32_t high, uint32_t low) {
    const uint32_t joined = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (joined >> 1) ^ (low & 1 ? 0x9908b0dfu : 0u);
  };
  for (size_t i = 0; i < kStateWords; ++i) {
    state_[i] = state_[(i + kMiddleWord) % kStateWords] ^ twist(state_[i], state_[(i + 1) % kStateWords]);
  }
  position_ = 0;
}

uint32_t RandomState::next_u32() {
  if (position_ == kStateWords) refill();
  uint32_t y = state_[position_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double RandomState::random() {
  const uint32_t high = next_u32() >> 5, low = next_u32() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

int64_t RandomState::randint(int64_t low, int64_t high) {
  MOLMO_CHECK(low < high, "randint: empty range");
  const uint64_t offset = static_cast<uint64_t>(low);
  return static_cast<int64_t>(offset + draw_up_to(static_cast<uint64_t>(high) - offset - 1, *this));
}

double RandomState::normal(double mean, double standard_deviation) {
  if (spare_normal_) return mean + standard_deviation * *std::exchange(spare_normal_, std::nullopt);
  double x1, x2, radius;
  do {
    x1 = 2.0 * random() - 1.0;
    x2 = 2.0 * random() - 1.0;
    radius = x1 * x1 + x2 * x2;
  } while (radius >= 1.0 || radius == 0.0);
  const double factor = std::sqrt(-2.0 * std::log(radius) / radius);
  spare_normal_ = factor * x1;
  return mean + standard_deviation * (factor * x2);
}

size_t RandomState::choice(std::span<const double> probabilities) {
  MOLMO_CHECK(!probabilities.empty(), "choice: no probabilities");
  double total = 0.0;
  for (double p : probabilities) total += p;
  const double draw = random();
  double cumulative = 0.0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    cumulative += probabilities[i];
    if (cumulative / total > draw) return i;
  }
  return probabilities.size() - 1;
}

std::vector<int64_t> RandomState::permutation(size_t n) {
  std::vector<int64_t> values = count_up(n);
  shuffle(values);
  return values;
}

std::vector<int64_t> pcg64_permutation(uint64_t seed, size_t n) {
  MOLMO_CHECK(n <= std::numeric_limits<uint32_t>::max(), "pcg64_permutation: too long");
  Pcg64 generator(seed);
  std::vector<int64_t> values = count_up(n);
  for (size_t i = n; i-- > 1;) std::swap(values[i], values[draw_up_to(i, generator)]);
  return values;
}

std::vector<int64_t> torch_randperm(uint64_t seed, size_t n) {
  // Longer permutations take another path in LibTorch (64-bit draws).
  MOLMO_CHECK(n < std::numeric_limits<uint32_t>::max() / 20, "torch_randperm: too long");
  RandomState generator(static_cast<uint32_t>(seed));  // the same MT19937; only the low 32 bits of the seed count
  std::vector<int64_t> values = count_up(n);
  for (size_t i = 0; i + 1 < n; ++i) std::swap(values[i], values[i + generator.next_u32() % (n - i)]);
  return values;
}

}  // namespace molmo
