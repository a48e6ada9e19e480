// Models of the Hugging Face hub, downloaded once into its cache layout:
//   <cache>/models--ORG--NAME/{refs/REVISION, blobs/ETAG, snapshots/COMMIT/FILE -> ../../blobs/ETAG}
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "hub/http.h"

namespace molmo::hub {

struct HubOptions {
  std::string endpoint;         ///< HF_ENDPOINT, or the hub's own
  std::filesystem::path cache;  ///< HF_HUB_CACHE, or HF_HOME/hub, or ~/.cache/huggingface/hub
  bool is_offline = false;      ///< HF_HUB_OFFLINE: nothing but the cache is looked at
  int num_parallel = 4;         ///< files at a time
  HttpOptions http;             ///< with HF_TOKEN, or the token file of HF_HOME
};

/// What the environment says.
HubOptions hub_options();

/// "org/name" or "org/name@revision", with the characters that the hub allows.
bool is_hub_id(const std::string& text);

/// The folder of a model's snapshot with configuration, weights and tokenizer, complete and checked: files that a hash
/// is known of are compared with it. What is in the cache is not downloaded again, and what was cut goes on where it
/// was. Errors: no such model or revision; no right to it (says how to get one); a file that differs from its hash; a
/// network that fails for good (exit code 75).
std::filesystem::path fetch_model(const std::string& id, const HubOptions& options);

}  // namespace molmo::hub
