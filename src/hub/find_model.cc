// SPDX-License-Identifier: Apache-2.0
#include "hub/find_model.h"

#include <fmt/format.h>

#include "formats/step_folders.h"
#include "hub/hub.h"
#include "molmo/error.h"

namespace molmo::hub {

namespace fs = std::filesystem;

fs::path find_model(const std::string& text) {
  const fs::path path = text;
  if (formats::is_run_folder(path)) return formats::newest_complete_folder(path);
  if (fs::exists(path)) {
    formats::expect_complete_step(path);
    return path;
  }
  if (const std::optional<RepoId> id = parse_repo_id(text)) {
    try {
      return fetch_model(*id, hub_options());
    } catch (const Error& error) {  // a mistyped folder looks like an id
      throw Error(fmt::format("{} ('{}' is no folder here, hence taken for an id of the hub)", error.what(), text),
                  error.code());
    }
  }
  throw Error(
      fmt::format("[model] {}: not a folder, and not a Hugging Face model id (org/name or org/name@revision)", text));
}

std::string pin_model(const std::string& text) {
  const std::optional<RepoId> id = parse_repo_id(text);
  if (!id || fs::exists(text)) return text;
  return RepoId{.name = id->name, .revision = find_model(text).filename().string()}.text();
}

}  // namespace molmo::hub
