// Models of the Hugging Face hub, downloaded once into the cache that its own programs use (repo_cache.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "hub/options.h"
#include "hub/repo_id.h"

namespace molmo::hub {

/// The folder of a model's snapshot with configuration, weights and tokenizer, complete and checked: files that a hash
/// is known of are compared with it. What is in the cache is not downloaded again, and what was cut goes on where it
/// was. A commit that is there needs no request; what cannot be asked for, or written, is taken as the cache has it,
/// with a warning. Errors: no such model or revision; no access (says how to get one); a file that differs from
/// its hash; a network that fails for good and nothing in the cache (exit code 75).
std::filesystem::path fetch_model(const RepoId& id, const HubOptions& options);

}  // namespace molmo::hub
