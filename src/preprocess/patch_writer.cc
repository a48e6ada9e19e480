// SPDX-License-Identifier: Apache-2.0
#include "preprocess/patch_writer.h"

#ifdef __SSE__
#include <immintrin.h>
#endif

#include <array>
#include <cstring>

#include "image/exact_division.h"
#include "image/normalize.h"

namespace molmo::preprocess {
namespace {

constexpr int kChannels = 3;

// (x - mean) / std or 2x - 1 over a row of RGB values.
class RowNormalizer {
 public:
  explicit RowNormalizer(config::NormalizeKind kind) : normalize_(image::normalization_of(kind)) {
    for (size_t i = 0; i < kPeriod; ++i) {
      means_[i] = normalize_.mean[i % kChannels], stds_[i] = normalize_.std[i % kChannels];
      reciprocals_[i] = 1.0f / stds_[i];
    }
  }

  void operator()(float* row, size_t num_values) const {
    if (normalize_.is_siglip) {
      for (size_t i = 0; i < num_values; ++i) row[i] = -1.0f + 2.0f * row[i];
      return;
    }
    const std::array<float, kPeriod> means = means_, stds = stds_, reciprocals = reciprocals_;
    const auto normalized = [&](float value, size_t k) {
      return image::ExactDivisor{stds[k], reciprocals[k]}.quotient(value - means[k]);
    };
    size_t i = 0;
    for (; i + kPeriod <= num_values; i += kPeriod) {
      for (size_t k = 0; k < kPeriod; ++k) row[i + k] = normalized(row[i + k], k);
    }
    for (size_t k = 0; i < num_values; ++i, ++k) row[i] = normalized(row[i], k);
  }

 private:
  // A whole number of pixels and of vectors: the statistics repeat after it, and a loop over it has no branch.
  static constexpr size_t kPeriod = 24;

  image::Normalization normalize_;
  std::array<float, kPeriod> means_{}, stds_{}, reciprocals_{};
};

// What a row of the canvas becomes: bytes stay as they are.
class AsBytes {
 public:
  void operator()(uint8_t*, size_t) const {}
};

// Each row is resized and normalised once, however many crops hold it, and kept until the row of patches that it
// belongs to is whole: a patch is then written in one go.
template <class Value, class Finish>
class PatchWriter {
 public:
  PatchWriter(const config::PreprocessConfig& config, Finish finish, size_t num_values)
      : config_(config),
        finish_(std::move(finish)),
        patch_(patch_values()),
        is_streamed_(num_values * sizeof(Value) >= kLeastStreamed) {}

  void write(image::Canvas& canvas, const TileGrid& grid, Value* out) {
    const int side = config_.patch_size;
    row_values_ = static_cast<size_t>(canvas.width()) * kChannels;
    rows_.resize(row_values_ * side);
    const size_t crop_values = patch_values() * config_.patches_high() * config_.patches_wide();
    for (int top = 0; top < canvas.height(); top += side) {
      for (int y = 0; y < side; ++y) {
        canvas.next_row(rows_.data() + y * row_values_);
        finish_(rows_.data() + y * row_values_, row_values_);
      }
      for (int tile = 0; tile < grid.rows; ++tile) {
        const int inside = top - tile * grid.step;
        if (inside < 0 || inside >= config_.image_height) continue;
        for (int column = 0; column < grid.columns; ++column) {
          Value* crop = out + crop_values * (size_t(tile) * grid.columns + column);
          write_row_of_patches(column * grid.step,
                               crop + size_t(inside / side) * config_.patches_wide() * patch_values());
        }
      }
    }
    drain_stream();
  }

 private:
  static constexpr size_t kLeastStreamed = size_t{4} << 20;
  static constexpr size_t kStreamBytes = 16;

  size_t patch_values() const { return size_t(config_.patch_size) * config_.patch_size * kChannels; }

  // The row of patches whose pixels are kept, of the crop that begins at `left`.
  void write_row_of_patches(int left, Value* to) {
    const int side = config_.patch_size, piece = side * kChannels;
    const Value* from = rows_.data() + size_t(left) * kChannels;
    for (int u = 0; u < config_.patches_wide(); ++u, from += piece, to += patch_values()) {
      const bool streams = is_streamed_ && can_stream(to);
      Value* patch = streams ? patch_.data() : to;
      for (int y = 0; y < side; ++y) copy_piece(from + y * row_values_, piece, patch + size_t(y) * piece);
      if (streams) stream(patch, to);
    }
  }

  // A call of memcpy for so few values costs more than the copy. The last vector may overlap the one before it.
  static void copy_piece(const Value* from, int count, Value* to) {
    constexpr int kVector = 32 / sizeof(Value);
    if (count < kVector) {
      std::copy_n(from, count, to);
      return;
    }
    for (int i = 0; i < count - kVector; i += kVector) std::memcpy(to + i, from + i, kVector * sizeof(Value));
    std::memcpy(to + count - kVector, from + count - kVector, kVector * sizeof(Value));
  }

  // Many crops do not fit the caches anyway: written past them, their memory is not read first.
#ifdef __SSE__
  bool can_stream(const Value* to) const {
    return patch_values() * sizeof(Value) % kStreamBytes == 0 && reinterpret_cast<uintptr_t>(to) % kStreamBytes == 0;
  }
  void stream(const Value* from, Value* to) const {
    const auto* source = reinterpret_cast<const __m128i*>(from);
    auto* target = reinterpret_cast<__m128i*>(to);
    for (size_t i = 0; i < patch_values() * sizeof(Value) / kStreamBytes; ++i)
      _mm_stream_si128(target + i, _mm_loadu_si128(source + i));
  }
  // Before another thread may be told of what was streamed.
  static void drain_stream() { _mm_sfence(); }
#else
  bool can_stream(const Value*) const { return false; }
  void stream(const Value*, Value*) const {}
  static void drain_stream() {}
#endif

  const config::PreprocessConfig& config_;
  Finish finish_;
  size_t row_values_ = 0;
  DefaultInitVector<Value> rows_;  // [patch_size, canvas width, 3]
  std::vector<Value> patch_;
  bool is_streamed_;
};

}  // namespace

void write_patches(image::Canvas& canvas, const TileGrid& grid, const config::PreprocessConfig& config,
                   std::span<float> patches) {
  PatchWriter<float, RowNormalizer>(config, RowNormalizer(config.normalize), patches.size())
      .write(canvas, grid, patches.data());
}

void write_byte_patches(image::Canvas& canvas, const TileGrid& grid, const config::PreprocessConfig& config,
                        std::span<uint8_t> patches) {
  PatchWriter<uint8_t, AsBytes>(config, AsBytes(), patches.size()).write(canvas, grid, patches.data());
}

}  // namespace molmo::preprocess
