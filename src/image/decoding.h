// One picture while it is decoded: where its bytes are, what its errors are called, and what is left of its limits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "image/picture.h"
#include "molmo/decode_limits.h"

namespace molmo::image {

using Bytes = std::span<const uint8_t>;

class Decoding {
 public:
  /// `where` names the source in errors and must outlive the object, as `bytes` must. The bytes count as memory taken.
  Decoding(Bytes bytes, const std::string& where, const DecodeLimits& limits);

  Bytes bytes() const { return bytes_; }
  const DecodeLimits& limits() const { return limits_; }
  void set_format(const char* format) { format_ = format; }

  /// Throws "[image] where: format: what".
  [[noreturn]] void fail(const std::string& what) const;

  /// Refuses empty pictures, those above the limit, and large ones in files too small to hold them.
  void expect_size(int64_t width, int64_t height) const;
  /// Refuses a picture of which nothing could be decoded (the reference returns it in one colour).
  void expect_rows(int64_t num_rows) const;

  /// Says before it is done that memory is about to be taken, which is then held until the end.
  void take_memory(int64_t num_bytes);
  int64_t memory_left() const { return limits_.max_bytes - num_bytes_; }
  /// The decoder is done, and of what it took this picture is left.
  void keep_only(const Picture& picture);
  /// A black picture of a size that was checked, with its memory taken.
  Picture make_picture(int64_t width, int64_t height);

  /// Says that about `num_bytes` were worked through. It looks at the clock now and then; for callbacks of C libraries,
  /// which must not throw.
  bool is_over_time(size_t num_bytes);
  void spend_time(size_t num_bytes) {
    if (is_over_time(num_bytes)) fail_time();
  }
  [[noreturn]] void fail_time() const;

 private:
  Bytes bytes_;
  const std::string& where_;
  DecodeLimits limits_;
  const char* format_ = "picture";
  int64_t num_bytes_;
  double start_;
  size_t work_ = 0;  // bytes since the clock was looked at
};

}  // namespace molmo::image
