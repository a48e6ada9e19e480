// What the environment says of the hub, in the variables of Hugging Face's own programs (docs/hub.md).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "hub/http.h"

namespace molmo::hub {

struct HubOptions {
  std::string endpoint;         ///< "https://huggingface.co", without a slash at the end
  std::filesystem::path cache;  ///< the folder of all models, "~/.cache/huggingface/hub"
  std::string offline_by;       ///< the variable that forbids requests; empty: none does
  int num_parallel = 4;         ///< files at a time
  HttpOptions http;
};

/// Looks a variable up; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// Errors name the variable: an endpoint that is no URL of http or https, a token that no header can hold, a time limit
/// that is no number.
HubOptions hub_options(const Environment& environment);

/// The same for the process's own environment.
HubOptions hub_options();

/// Error where the token would go over plain http to another machine.
void expect_safe_token(const HubOptions& options);

}  // namespace molmo::hub
