// SHA-256, over OpenSSL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace molmo {

/// The hash of bytes that arrive piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::string_view bytes);

  /// 64 lower-case hexadecimal digits; ends the hash.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The hash of one text.
std::string sha256_hex(std::string_view bytes);

}  // namespace molmo
