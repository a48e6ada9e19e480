// SPDX-License-Identifier: Apache-2.0
#include "image/normalize.h"

#include "base/check.h"

namespace molmo::image {

Normalization normalization_of(config::NormalizeKind kind) {
  switch (kind) {
    case config::NormalizeKind::kOpenai:
      return {false, {0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}};
    case config::NormalizeKind::kSiglip:
      return {true, {}, {}};
    case config::NormalizeKind::kDino:
      return {false, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
  }
  MOLMO_CHECK(false, "unknown normalisation");
}

}  // namespace molmo::image
