// SPDX-License-Identifier: Apache-2.0
#include "base/program_id.h"

#include <fmt/format.h>
#include <link.h>

#include <cstring>

#include "base/digest.h"
#include "molmo/version.h"

namespace molmo {
namespace {

using std::string_view_literals::operator""sv;

bool is_ours(std::string_view file) {
  const std::string_view name = file.substr(file.rfind('/') + 1);
  const bool is_cuda = name.find("cuda") != std::string_view::npos;  // opened where a device is
  return file.empty() || (!is_cuda && (name.starts_with("libmolmo") || name.starts_with("libtorch")));
}

// Adds the build id that a segment of notes holds, if it does.
void add_build_id(const char* notes, size_t size, Digest& hash) {
  const auto aligned = [](size_t bytes) { return (bytes + 3) / 4 * 4; };
  ElfW(Nhdr) header;
  while (size >= sizeof header) {
    std::memcpy(&header, notes, sizeof header);
    const size_t value = sizeof header + aligned(header.n_namesz), end = value + aligned(header.n_descsz);
    if (end > size) return;
    if (header.n_type == NT_GNU_BUILD_ID && std::string_view(notes + sizeof header, header.n_namesz) == "GNU\0"sv)
      hash.update({notes + value, header.n_descsz});
    notes += end, size -= end;
  }
}

int add_object(dl_phdr_info* object, size_t, void* hash) {
  if (!is_ours(object->dlpi_name)) return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    add_build_id(reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr), segment.p_memsz,
                 *static_cast<Digest*>(hash));
  }
  return 0;
}

}  // namespace

std::string program_id() {
  Digest hash;
  ::dl_iterate_phdr(add_object, &hash);
  return fmt::format("{} ({})", kVersion, hash.finish().substr(0, 16));
}

}  // namespace molmo
