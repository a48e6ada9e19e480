// SPDX-License-Identifier: Apache-2.0
#include "hub/repo_cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::hub {

namespace fs = std::filesystem;

RepoCache::RepoCache(fs::path cache, const RepoId& id) : cache_(std::move(cache)) {
  std::string folder = "models--" + id.name;
  folder.replace(folder.find('/'), 1, "--");
  root_ = cache_ / folder;
}

fs::path RepoCache::lock(const std::string& name) const {
  return cache_ / ".locks" / root_.filename() / (name + ".lock");
}

std::string RepoCache::commit_of(const RepoId& id) const {
  if (id.is_commit()) return id.revision;
  const fs::path ref = root_ / "refs" / id.revision;
  std::error_code absent;
  if (!fs::is_regular_file(ref, absent)) return "";
  const std::string commit(trim_text(read_text_file(ref)));
  return is_hash(commit) ? commit : "";
}

void RepoCache::remember(const RepoId& id, const std::string& commit) const {
  if (commit_of(id) == commit) return;
  try {
    const FileLock lock(this->lock("refs"));
    fs::create_directories((root_ / "refs" / id.revision).parent_path());
    write_file_atomically(root_ / "refs" / id.revision, commit);
  } catch (const std::exception& error) {
    log_debug(fmt::format("[hub] {}: not remembered which commit it is: {}", id.text(), error.what()));
  }
}

std::string RepoCache::prepare(const std::string& commit) const {
  for (const fs::path& folder : {root_ / "blobs", snapshot(commit), lock("").parent_path()}) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error && ::access(folder.c_str(), W_OK | X_OK) != 0) error.assign(errno, std::generic_category());
    if (error) return fmt::format("{}: {}", folder.string(), error.message());
  }
  return "";
}

void RepoCache::place(const std::string& etag, const fs::path& file, bool can_link) const {
  static std::atomic<int> number = 0;  // of this process: threads place files at the same time
  const fs::path link = file.parent_path() / fmt::format(".{}.{}.{}", file.filename().string(), ::getpid(), number++);
  std::error_code error;
  if (can_link) fs::create_symlink(fs::path("../../blobs") / etag, link, error);
  if (can_link && !error) {
    fs::rename(link, file);
    return sync_directory(file.parent_path());
  }
  const MappedFile content(blob(etag));
  AtomicFile copy(file);
  copy.write(content.bytes().data(), content.bytes().size());
  copy.commit();
}

bool is_filled(const fs::path& file) {
  std::error_code absent;
  const uintmax_t size = fs::file_size(file, absent);
  return !absent && size > 0;
}

}  // namespace molmo::hub
