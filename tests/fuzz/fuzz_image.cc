// libFuzzer entry: any bytes are a picture or an Error, and a picture has as many pixels as it says.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "image/decode.h"
#include "molmo/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    // Small pictures have all the ways to go wrong.
    const molmo::DecodeLimits limits{.max_pixels = 1 << 18, .max_bytes = 1 << 24, .max_seconds = 1.0};
    const molmo::image::Picture picture = molmo::image::decode_picture({data, size}, "fuzz", limits);
    if (picture.pixels.size() != size_t{3} * picture.width * picture.height) std::abort();
  } catch (const molmo::Error&) {
  }
  return 0;
}
