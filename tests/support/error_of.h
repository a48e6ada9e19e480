// The text of the molmo::Error that a call throws.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "molmo/error.h"

namespace molmo::testing {

/// What `run` throws, or "no error". `folder` and the separator behind it are left out of the text.
inline std::string error_of(const std::function<void()>& run, const std::string& folder = "") {
  std::string text = "no error";
  try {
    run();
  } catch (const Error& error) {
    text = error.what();
  }
  for (size_t at; !folder.empty() && (at = text.find(folder + "/")) != std::string::npos;) {
    text.erase(at, folder.size() + 1);
  }
  return text;
}

}  // namespace molmo::testing
