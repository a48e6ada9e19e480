// SHA-256 of a file or of a stream, over OpenSSL.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace molmo::hub {

/// 64 lower-case hexadecimal digits. Error if the file cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace molmo::hub
