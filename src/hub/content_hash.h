// Hashes of files as the hub names them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace molmo::hub {

/// 64 lower-case hexadecimal digits. Error if the file cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

/// 40 digits: the SHA-1 of "blob SIZE\0" and the bytes, by which git names a file.
std::string git_hash_of_file(const std::filesystem::path& path);

/// What an ETag says of a file's bytes.
enum class HashCheck { kSame, kDiffers, kUnknown };

/// Compares a file with an ETag that is a SHA-256 (large files), or git's hash or a plain SHA-1 (small ones); any other
/// ETag is of an unknown kind.
HashCheck compare_with_etag(const std::filesystem::path& path, const std::string& etag);

}  // namespace molmo::hub
