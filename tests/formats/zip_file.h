// Zip archives of plain members, as torch.save writes them, with and without zip64.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace molmo::testing {

template <class T>
std::string little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// `with_64`: sizes and offsets stand in 64-bit fields, and 32-bit ones say 0xffffffff, as in archives beyond 4 GB.
inline std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members, bool with_64 = false) {
  std::string file, directory;
  for (const auto& [name, data] : members) {
    const uint64_t offset = file.size(), size = data.size();
    const std::string extra =
        with_64 ? little<uint16_t>(1) + little<uint16_t>(24) + little(size) + little(size) + little(offset) : "";
    const auto narrow = [&](uint64_t value) { return little(with_64 ? 0xffffffffu : static_cast<uint32_t>(value)); };
    const std::string middle = little<uint32_t>(0) + little<uint32_t>(0) + narrow(size) + narrow(size) +
                               little(static_cast<uint16_t>(name.size()));
    file += little<uint32_t>(0x04034b50) + std::string(6, '\0') + middle + little<uint16_t>(0) + name + data;
    directory += little<uint32_t>(0x02014b50) + std::string(8, '\0') + middle +
                 little(static_cast<uint16_t>(extra.size())) + std::string(10, '\0') + narrow(offset) + name + extra;
  }
  const uint64_t begin = file.size(), size = directory.size(), count = members.size();
  file += directory;
  if (with_64) {
    const uint64_t end = file.size();
    file += little<uint32_t>(0x06064b50) + little<uint64_t>(44) + std::string(12, '\0') + little(count) +
            little(count) + little(size) + little(begin);
    file += little<uint32_t>(0x07064b50) + little<uint32_t>(0) + little(end) + little<uint32_t>(1);
  }
  const auto narrow = [&](uint64_t value) { return little(with_64 ? 0xffffffffu : static_cast<uint32_t>(value)); };
  const auto short_count = little(with_64 ? uint16_t{0xffff} : static_cast<uint16_t>(count));
  return file + little<uint32_t>(0x06054b50) + std::string(4, '\0') + short_count + short_count + narrow(size) +
         narrow(begin) + little<uint16_t>(0);
}

}  // namespace molmo::testing
