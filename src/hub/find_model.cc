// SPDX-License-Identifier: Apache-2.0
#include "hub/find_model.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/strings.h"
#include "hub/hub.h"
#include "molmo/error.h"

namespace molmo::hub {

namespace fs = std::filesystem;

fs::path find_model(const std::string& text) {
  const fs::path path = text;
  if (fs::exists(path / "latest") && !fs::exists(path / "molmo.json"))
    return path / std::string(trim_text(read_text_file(path / "latest")));
  if (fs::exists(path)) return path;
  if (is_hub_id(text)) return fetch_model(text, hub_options());
  throw Error(fmt::format("[model] {}: no such folder, and no id of the hub (org/name)", text));
}

}  // namespace molmo::hub
