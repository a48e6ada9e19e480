// SPDX-License-Identifier: Apache-2.0
#include "image/decoding.h"

#include <fmt/format.h>

#include <ctime>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::image {
namespace {

// Above the first number of pixels, a byte of the file must not stand for more than the second: no codec of photographs
// reaches that, and a damaged header must not cost gigabytes.
constexpr int64_t kUncheckedPixels = int64_t{1} << 26, kMostPixelsPerByte = int64_t{1} << 13;

// Bytes of work between looks at the clock, about a millisecond; and what the least step counts.
constexpr size_t kWorkPerLook = size_t{1} << 18, kLeastWork = size_t{1} << 10;

// Of this thread: what other work the machine has must not decide which pictures a run is trained on.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

Decoding::Decoding(Bytes bytes, const std::string& where, const DecodeLimits& limits)
    : bytes_(bytes), where_(where), limits_(limits), num_bytes_(std::ssize(bytes)), start_(processor_seconds()) {}

void Decoding::fail(const std::string& what) const {
  throw Error(fmt::format("[image] {}: {}: {}", where_, format_, what));
}

void Decoding::fail_time() const {
  fail(fmt::format("not decoded after {:.3g} s, expected at most max_seconds = {:g}", processor_seconds() - start_,
                   limits_.max_seconds));
}

void Decoding::expect_size(int64_t width, int64_t height) const {
  if (width <= 0 || height <= 0) fail(fmt::format("picture of {}x{} pixels, expected at least 1x1", width, height));
  if (width > limits_.max_pixels / height)
    fail(fmt::format("picture of {}x{} pixels, expected at most max_pixels = {} in all", width, height,
                     limits_.max_pixels));
  if (width * height > kUncheckedPixels && width * height / kMostPixelsPerByte > std::ssize(bytes_)) {
    fail(fmt::format("picture of {}x{} pixels in {} bytes, expected at most {} pixels per byte", width, height,
                     bytes_.size(), kMostPixelsPerByte));
  }
}

void Decoding::expect_rows(int64_t num_rows) const {
  if (num_rows == 0) fail("no row of the picture can be decoded, the file is damaged or cut off");
}

void Decoding::take_memory(int64_t num_bytes) {
  if (num_bytes > memory_left())
    fail(fmt::format("needs {} of memory to be decoded, expected at most max_bytes = {}",
                     format_bytes(static_cast<double>(num_bytes_) + static_cast<double>(num_bytes)),
                     limits_.max_bytes));
  num_bytes_ += num_bytes;
}

void Decoding::keep_only(const Picture& picture) { num_bytes_ = std::ssize(bytes_) + std::ssize(picture.pixels); }

Picture Decoding::make_picture(int64_t width, int64_t height) {
  expect_size(width, height);
  take_memory(3 * width * height);
  return {static_cast<int>(width), static_cast<int>(height)};
}

bool Decoding::is_over_time(size_t num_bytes) {
  work_ += std::max(num_bytes, kLeastWork);
  if (work_ < kWorkPerLook) return false;
  work_ = 0;
  return processor_seconds() - start_ > limits_.max_seconds;
}

}  // namespace molmo::image
