// What decoding one picture may take. A file says how large its picture is, and a few bytes can say anything.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace molmo {

/// A picture that needs more is an Error that names the file and the limit. The defaults suit files of one's own; lower
/// ones a service.
struct DecodeLimits {
  int64_t max_pixels = int64_t{1} << 28;  ///< width times height
  int64_t max_bytes = int64_t{1} << 31;   ///< memory at one time: the file, the picture, and what its decoder needs
  int max_scans = 500;                    ///< of a progressive JPEG
  double max_seconds = 60.0;              ///< processor time
};

}  // namespace molmo
