// libFuzzer entry: any bytes are a safetensors file or an Error; every tensor that is read lies inside the bytes.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <span>

#include "formats/safetensors_header.h"
#include "molmo/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::span<const uint8_t> file(data, size);
    for (const auto& view : molmo::formats::parse_header(file, "fuzz").tensors) {
      if (view.data.data() < data || view.data.data() + view.data.size() > data + size) std::abort();
    }
  } catch (const molmo::Error&) {
  }
  return 0;
}
