// SPDX-License-Identifier: Apache-2.0
#include "hub/content_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <fstream>
#include <memory>
#include <vector>

#include "base/strings.h"
#include "hub/repo_id.h"
#include "molmo/error.h"

namespace molmo::hub {
namespace {

constexpr size_t kSha256Digits = 64, kSha1Digits = 40;

std::string hash_of(const EVP_MD* kind, const std::string& prefix, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), kind, nullptr);
  EVP_DigestUpdate(context.get(), prefix.data(), prefix.size());
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(file.gcount()));
  }
  if (!file.eof()) throw Error(fmt::format("[hub] cannot read {}", path.string()));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace

std::string sha256_of_file(const std::filesystem::path& path) { return hash_of(EVP_sha256(), "", path); }

std::string git_hash_of_file(const std::filesystem::path& path) {
  const std::string head = fmt::format("blob {}", std::filesystem::file_size(path));
  return hash_of(EVP_sha1(), head + '\0', path);
}

HashCheck compare_with_etag(const std::filesystem::path& path, const std::string& etag) {
  const std::string hash = lower_ascii(etag);
  const auto check = [](bool is_same) { return is_same ? HashCheck::kSame : HashCheck::kDiffers; };
  if (!is_hash(hash)) return HashCheck::kUnknown;
  if (hash.size() == kSha256Digits) return check(sha256_of_file(path) == hash);
  if (hash.size() == kSha1Digits) return check(git_hash_of_file(path) == hash || hash_of(EVP_sha1(), "", path) == hash);
  return HashCheck::kUnknown;
}

}  // namespace molmo::hub
