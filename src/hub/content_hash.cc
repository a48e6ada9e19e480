// SPDX-License-Identifier: Apache-2.0
#include "hub/content_hash.h"

#include <fmt/format.h>

#include <fstream>
#include <vector>

#include "base/digest.h"
#include "base/strings.h"
#include "hub/repo_id.h"
#include "molmo/error.h"

namespace molmo::hub {
namespace {

constexpr size_t kSha256Digits = 64, kSha1Digits = 40;

std::string hash_of(Digest::Kind kind, const std::string& prefix, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Digest digest(kind);
  digest.update(prefix);
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    digest.update({buffer.data(), static_cast<size_t>(file.gcount())});
  }
  if (!file.eof()) throw Error(fmt::format("[hub] cannot read {}", path.string()));
  return digest.finish();
}

}  // namespace

std::string sha256_of_file(const std::filesystem::path& path) { return hash_of(Digest::Kind::kSha256, "", path); }

std::string git_hash_of_file(const std::filesystem::path& path) {
  const std::string head = fmt::format("blob {}", std::filesystem::file_size(path));
  return hash_of(Digest::Kind::kSha1, head + '\0', path);
}

HashCheck compare_with_etag(const std::filesystem::path& path, const std::string& etag) {
  const std::string hash = lower_ascii(etag);
  const auto check = [](bool is_same) { return is_same ? HashCheck::kSame : HashCheck::kDiffers; };
  if (!is_hash(hash)) return HashCheck::kUnknown;
  if (hash.size() == kSha256Digits) return check(sha256_of_file(path) == hash);
  if (hash.size() == kSha1Digits)
    return check(git_hash_of_file(path) == hash || hash_of(Digest::Kind::kSha1, "", path) == hash);
  return HashCheck::kUnknown;
}

}  // namespace molmo::hub
