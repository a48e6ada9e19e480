// libFuzzer entry: any bytes are a .pt file or an Error, or, behind a first byte of 1, a pickle; every tensor that is
// read lies inside the bytes or in rows of its own.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "formats/pickle.h"
#include "formats/torch_file.h"
#include "molmo/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    if (size > 0 && data[0] == 1) {
      molmo::formats::Pickle({data + 1, size - 1}, "fuzz");
      return 0;
    }
    size_t num_bytes = 0;
    const molmo::formats::TorchTensors tensors = molmo::formats::parse_torch({data, size}, "fuzz");
    for (const auto& [name, view] : tensors.by_name) {
      for (const uint8_t byte : view.data) num_bytes += byte;  // reads them all
    }
    volatile size_t kept = num_bytes;  // so that the reads happen
    (void)kept;
  } catch (const molmo::Error&) {
  }
  return 0;
}
