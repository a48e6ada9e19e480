// libFuzzer entry: any bytes are two files of a step of training, of one slice each, or an Error; every joined tensor
// can be read whole. The first two bytes say where the second file begins.
// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "formats/slices.h"
#include "molmo/error.h"

namespace {

using namespace molmo::formats;

// A file in memory alone, under a path that any reader can open.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
  }

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  void write(std::span<const uint8_t> content) {
    if (::ftruncate(descriptor_, 0) != 0) std::abort();
    if (::pwrite(descriptor_, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size())) std::abort();
  }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::array<MemoryFile, 2> files;
  if (size < 2) return 0;
  const auto content = std::span(data, size).subspan(2);
  const size_t cut = std::min<size_t>(content.size(), data[0] | data[1] << 8);
  files[0].write(content.first(cut));
  files[1].write(content.subspan(cut));
  try {
    std::vector<SafetensorsFile> opened;
    for (const MemoryFile& file : files) opened.emplace_back(file.path());
    for (const TensorView& view : join_slices(opened, "fuzz")) {
      std::vector<uint8_t> whole(view.num_bytes());
      view.read(0, whole);
    }
  } catch (const molmo::Error&) {
  }
  return 0;
}
