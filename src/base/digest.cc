// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

namespace molmo {

struct Digest::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> evp{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Digest::Digest(Kind kind) : context_(std::make_unique<Context>()) {
  EVP_DigestInit_ex(context_->evp.get(), kind == Kind::kSha1 ? EVP_sha1() : EVP_sha256(), nullptr);
}
Digest::~Digest() = default;

void Digest::update(std::string_view bytes) { EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()); }

std::string Digest::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_->evp.get(), digest, &size);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Digest hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace molmo
