// The members of an uncompressed zip archive, as torch.save writes them: bounds-checked, zip64, over a memory map.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace molmo::formats {

/// Whether the bytes begin as a zip archive does.
bool looks_like_zip(std::span<const uint8_t> file);

/// Name -> data of every member of `file`; `where` names it in errors.
/// Errors: no directory, a compressed or encrypted member, offsets outside the file, a duplicate name.
std::map<std::string, std::span<const uint8_t>> zip_members(std::span<const uint8_t> file, const std::string& where);

}  // namespace molmo::formats
