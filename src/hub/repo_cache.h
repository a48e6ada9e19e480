// Where the files of one model lie in the cache of Hugging Face's own programs:
//   <cache>/models--ORG--NAME/{refs/REVISION, blobs/ETAG, snapshots/COMMIT/FILE -> ../../blobs/ETAG}
//   <cache>/.locks/models--ORG--NAME/ETAG.lock
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "hub/repo_id.h"

namespace molmo::hub {

class RepoCache {
 public:
  RepoCache(std::filesystem::path cache, const RepoId& id);

  const std::filesystem::path& cache() const { return cache_; }
  std::filesystem::path blob(const std::string& etag) const { return root_ / "blobs" / etag; }
  std::filesystem::path lock(const std::string& name) const;
  std::filesystem::path snapshot(const std::string& commit) const { return root_ / "snapshots" / commit; }

  /// The commit that a revision was when the hub was last asked, or "".
  std::string commit_of(const RepoId& id) const;

  /// Writes that down, unless it says so already. That it cannot is no error: the next run asks again.
  void remember(const RepoId& id, const std::string& commit) const;

  /// Makes the folders that files of `commit` are written to. Returns why they cannot be written, or "".
  std::string prepare(const std::string& commit) const;

  /// Puts a blob under its name into a snapshot: as a link, or as a copy where the file system has none
  /// (`can_link`: whether that is tried). The name appears with all of the file or not at all.
  void place(const std::string& etag, const std::filesystem::path& file, bool can_link = true) const;

 private:
  std::filesystem::path cache_, root_;
};

/// Whether a file is there and holds something: a power cut can leave empty ones.
bool is_filled(const std::filesystem::path& file);

}  // namespace molmo::hub
