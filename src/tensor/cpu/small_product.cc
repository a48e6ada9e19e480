// SPDX-License-Identifier: Apache-2.0
#include "tensor/cpu/small_product.h"

#include <algorithm>

#include "tensor/cpu/avx2.h"

namespace molmo::tensor::cpu {
namespace {

struct Operands {
  MatrixView<const float> a, b;
  MatrixView<float> c;
  int64_t n, k;
  bool adds;
};

void plain_rows(Operands of, int64_t m) {
  for (int64_t i = 0; i < m; ++i) {
    float* c = of.c.data + i * of.c.row;
    if (!of.adds) std::fill(c, c + of.n, 0.0f);
    for (int64_t l = 0; l < of.k; ++l) {
      const float a = of.a.data[i * of.a.row + l * of.a.column];
      const float* b = of.b.data + l * of.b.row;
      for (int64_t j = 0; j < of.n; ++j) c[j] += a * b[j];
    }
  }
}

// --- AVX2: kRows x 16 sums stay in registers during the loop over k

template <bool kMasked>
MOLMO_AVX2 inline __m256 load(const float* from, __m256i mask) {
  return kMasked ? _mm256_maskload_ps(from, mask) : load8(from);
}

template <int kRows, bool kMasked>
MOLMO_AVX2 inline void tile(const Operands& of, int64_t j, __m256i low, __m256i high) {
  __m256 sums[kRows][2];
  for (int i = 0; i < kRows; ++i) {
    const float* c = of.c.data + i * of.c.row + j;
    sums[i][0] = of.adds ? load<kMasked>(c, low) : _mm256_setzero_ps();
    sums[i][1] = of.adds ? load<kMasked>(c + 8, high) : _mm256_setzero_ps();
  }
  const float *a = of.a.data, *b = of.b.data + j;
  for (int64_t l = 0; l < of.k; ++l, a += of.a.column, b += of.b.row) {
    const __m256 b0 = load<kMasked>(b, low), b1 = load<kMasked>(b + 8, high);
    for (int i = 0; i < kRows; ++i) {
      const __m256 factor = _mm256_broadcast_ss(a + i * of.a.row);
      sums[i][0] = _mm256_fmadd_ps(factor, b0, sums[i][0]);
      sums[i][1] = _mm256_fmadd_ps(factor, b1, sums[i][1]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    float* c = of.c.data + i * of.c.row + j;
    if (kMasked) {
      _mm256_maskstore_ps(c, low, sums[i][0]);
      _mm256_maskstore_ps(c + 8, high, sums[i][1]);
    } else {
      _mm256_storeu_ps(c, sums[i][0]);
      _mm256_storeu_ps(c + 8, sums[i][1]);
    }
  }
}

template <int kRows>
MOLMO_AVX2 void panel(const Operands& of) {
  const __m256i unused = _mm256_setzero_si256();
  int64_t j = 0;
  for (; j + 16 <= of.n; j += 16) tile<kRows, false>(of, j, unused, unused);
  if (j < of.n) tile<kRows, true>(of, j, first_lanes(of.n - j), first_lanes(of.n - j - 8));
}

MOLMO_AVX2 void avx2_rows(Operands of, int64_t m) {
  constexpr int kRows = 4;
  for (; m >= kRows; m -= kRows) {
    panel<kRows>(of);
    of.a.data += kRows * of.a.row;
    of.c.data += kRows * of.c.row;
  }
  if (m == 3) panel<3>(of);
  if (m == 2) panel<2>(of);
  if (m == 1) panel<1>(of);
}

}  // namespace

void small_product(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c, int64_t m, int64_t n,
                   int64_t k, bool adds) {
  static const auto rows = has_avx2() ? avx2_rows : plain_rows;
  rows({a, b, c, n, k, adds}, m);
}

}  // namespace molmo::tensor::cpu
