// What a user writes for a model of the hub: "org/name" or "org/name@revision".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace molmo::hub {

struct RepoId {
  std::string name;      ///< "org/name"
  std::string revision;  ///< a branch, a tag, "refs/pr/3" or a commit; "main" where none is given

  /// Whether the revision is a full commit hash, which can never mean anything else later.
  bool is_commit() const;
  std::string text() const { return name + "@" + revision; }
};

/// Nothing where the text is no id: two names with the characters that the hub allows, and a revision whose parts make
/// a path below a folder (no "..", no hidden names).
std::optional<RepoId> parse_repo_id(const std::string& text);

/// Lower-case hexadecimal digits, as those of a commit.
bool is_hash(const std::string& text);

}  // namespace molmo::hub
