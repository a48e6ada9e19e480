// SHA-256 and SHA-1, over OpenSSL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace molmo {

/// The hash of bytes that arrive piece by piece.
class Digest {
 public:
  enum class Kind { kSha256, kSha1 };
  explicit Digest(Kind kind = Kind::kSha256);
  ~Digest();
  void update(std::string_view bytes);

  /// 64 lower-case hexadecimal digits, or 40 of SHA-1; ends the hash.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The SHA-256 of one text.
std::string sha256_hex(std::string_view bytes);

}  // namespace molmo
