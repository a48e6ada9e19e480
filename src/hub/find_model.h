// What a user's word for a model means.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace molmo::hub {

/// The path of a model's files: `text` itself where it exists, the newest complete step where it is a run folder, and
/// else the snapshot of a hub id, downloaded if it is not there yet (hub/hub.h). Error for what is none of them, for a
/// step that is not complete, and for a run without a complete one.
std::filesystem::path find_model(const std::string& text);

/// Finds a model of the hub and returns its id with the commit that the revision is now, which every process that
/// shares the cache finds without a request. Any other text is returned as it is.
std::string pin_model(const std::string& text);

}  // namespace molmo::hub
