// SPDX-License-Identifier: Apache-2.0
#include "preprocess/patch_writer.h"

#ifdef __SSE__
#include <immintrin.h>
#endif

#include <array>
#include <cstring>
#include <functional>
#include <memory>

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
  PatchWriter(const PatchTarget& target, const config::PreprocessConfig& config, Finish finish, std::span<Value> out)
      : resizer_(*target.resizer),
        grid_(target.grid),
        config_(config),
        finish_(std::move(finish)),
        out_(out.data()),
        row_values_(static_cast<size_t>(resizer_.width()) * kChannels),
        rows_(row_values_ * config.patch_size),
        patch_(patch_values()),
        is_streamed_(out.size_bytes() >= kLeastStreamed) {}

  // Writes the rows of patches that `num_rows` rows of the picture are enough for.
  void write_until(int num_rows) {
    const int side = config_.patch_size;
    resizer_.absorb(num_rows);
    for (; top_ < resizer_.height() && resizer_.rows_needed(top_ + side - 1) <= num_rows; top_ += side) {
      for (int y = 0; y < side; ++y) {
        resizer_.next_row(rows_.data() + y * row_values_);
        finish_(rows_.data() + y * row_values_, row_values_);
      }
      write_crops();
    }
    drain_stream();
  }

 private:
  static constexpr size_t kLeastStreamed = size_t{4} << 20;
  static constexpr size_t kStreamBytes = 16;

  size_t patch_values() const { return size_t(config_.patch_size) * config_.patch_size * kChannels; }

  // The kept rows of pixels, in each crop that has them.
  void write_crops() {
    const int side = config_.patch_size;
    const size_t crop_values = patch_values() * config_.patches_high() * config_.patches_wide();
    for (int tile = 0; tile < grid_.rows; ++tile) {
      const int inside = top_ - tile * grid_.step;
      if (inside < 0 || inside >= config_.image_height) continue;
      for (int column = 0; column < grid_.columns; ++column) {
        Value* crop = out_ + crop_values * (size_t(tile) * grid_.columns + column);
        write_row_of_patches(column * grid_.step,
                             crop + size_t(inside / side) * config_.patches_wide() * patch_values());
      }
    }
  }

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

  image::Resizer& resizer_;
  TileGrid grid_;
  const config::PreprocessConfig& config_;
  Finish finish_;
  Value* out_;
  int top_ = 0;  // of the next row of patches
  size_t row_values_;
  DefaultInitVector<Value> rows_;  // [patch_size, canvas width, 3]
  std::vector<Value> patch_;
  bool is_streamed_;
};

}  // namespace

void write_patches(std::span<const PatchTarget> targets, int picture_height, const config::PreprocessConfig& config) {
  std::vector<std::function<void(int)>> writers;
  const auto add = [&](auto writer) {
    writers.emplace_back(
        [kept = std::make_shared<decltype(writer)>(std::move(writer))](int num_rows) { kept->write_until(num_rows); });
  };
  for (const PatchTarget& target : targets) {
    if (target.byte_patches.empty()) {
      add(PatchWriter<float, RowNormalizer>(target, config, RowNormalizer(config.normalize), target.patches));
    } else {
      add(PatchWriter<uint8_t, AsBytes>(target, config, AsBytes(), target.byte_patches));
    }
  }
  for (int num_rows = 0; num_rows < picture_height;) {
    num_rows = std::min(num_rows + image::RowBlocks::kRows, picture_height);
    for (const auto& write_until : writers) write_until(num_rows);
  }
}

}  // namespace molmo::preprocess
