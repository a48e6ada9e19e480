// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/bandwidth.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/check.h"
#include "tensor/ops.h"

namespace molmo::tensor {
namespace {

constexpr int64_t kNumValues = int64_t{64} << 20;  // 256 MiB of float32: far more than caches hold
constexpr int64_t kNumParts = 64, kLanes = 32;

float sum(const float* values, int64_t size) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += values[i + lane];
  }
  float total = 0;
  for (const float lane : lanes) total += lane;
  return total;
}

}  // namespace

double measure_memory_bandwidth() {
  const Tensor block = at::ones({kNumValues}, at::kFloat);
  const float* values = block.const_data_ptr<float>();
  std::vector<float> sums(kNumParts);
  double best_seconds = 1e9;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    at::parallel_for(0, kNumParts, 1, [&](int64_t begin, int64_t end) {
      constexpr int64_t kSize = kNumValues / kNumParts;
      for (int64_t part = begin; part < end; ++part)
        sums[static_cast<size_t>(part)] = sum(values + part * kSize, kSize);
    });
    best_seconds =
        std::min(best_seconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  MOLMO_CHECK(sums[0] > 0, "the loop was optimised away");
  return static_cast<double>(block.nbytes()) / best_seconds;
}

}  // namespace molmo::tensor
