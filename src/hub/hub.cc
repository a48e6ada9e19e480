// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "base/thread_pool.h"
#include "hub/download.h"
#include "hub/repo_cache.h"
#include "hub/repo_files.h"
#include "hub/snapshot.h"

namespace molmo::hub {
namespace {

namespace fs = std::filesystem;

class Fetch {
 public:
  Fetch(const RepoId& id, const HubOptions& options)
      : id_(id), options_(options), cache_(options.cache, id), hub_(id, options) {}

  fs::path run() {
    find_cached();
    const bool is_cached = cached_problem_.empty();
    if (!options_.offline_by.empty()) return cached_or_fail();
    if (is_cached && id_.is_commit()) return cached_;
    expect_safe_token(options_);
    Listing listing;
    try {
      listing = hub_.list(is_cached ? 1 : options_.http.max_attempts);
    } catch (const NotFound&) {
      throw;
    } catch (const Error& error) {
      if (!is_cached) throw;
      log_warning(fmt::format("{}; going on with what the cache has: {}", error.what(), cached_.string()));
      return cached_;
    }
    return fetch(listing);
  }

 private:
  void find_cached() {
    const std::string commit = cache_.commit_of(id_);
    cached_ = cache_.snapshot(commit);
    cached_problem_ = commit.empty() ? "all of it" : missing_part(cached_);
  }

  fs::path cached_or_fail() const {
    if (cached_problem_.empty()) return cached_;
    const bool is_absent = cached_problem_ == "all of it";
    throw Error(fmt::format("[hub] {}: {} in the cache {}{}, and {} is set: offline, nothing is downloaded", id_.text(),
                            is_absent ? "not" : "incomplete", options_.cache.string(),
                            is_absent ? "" : fmt::format(" (it lacks {})", cached_problem_), options_.offline_by));
  }

  fs::path fetch(const Listing& listing) {
    const std::vector<std::string> names = choose_files(listing.names);
    if (!has_weights(names))
      throw Error(fmt::format("[hub] {}: no weights among its {} files, expected *.safetensors or pytorch_model.bin",
                              id_.text(), listing.names.size()));
    if (id_.is_commit() && listing.commit != id_.revision)
      throw Error(fmt::format("[hub] {}: the hub answers with commit {}, expected the one asked for", id_.text(),
                              listing.commit));
    const fs::path snapshot = cache_.snapshot(listing.commit);
    std::vector<std::string> missing;
    std::copy_if(names.begin(), names.end(), std::back_inserter(missing),
                 [&](const std::string& name) { return !is_filled(snapshot / name); });
    if (!missing.empty()) {
      if (const std::string problem = cache_.prepare(listing.commit); !problem.empty())
        return without_writing(problem, listing.commit, missing);
      download(listing.commit, missing);
    }
    if (!id_.is_commit()) cache_.remember(id_, listing.commit);
    return snapshot;
  }

  // A cache that others keep: what it has may be good enough.
  fs::path without_writing(const std::string& problem, const std::string& commit,
                           const std::vector<std::string>& missing) const {
    const fs::path snapshot = cache_.snapshot(commit);
    const bool is_whole = missing_part(snapshot).empty();
    if (!is_whole && !cached_problem_.empty())
      throw Error(
          fmt::format("[hub] {}: the cache lacks {} of its files and cannot be written: {}, expected a folder "
                      "of one's own in HF_HUB_CACHE",
                      id_.text(), missing.size(), problem));
    log_warning(fmt::format("[hub] {}: the cache cannot be written ({}); going on {}", id_.text(), problem,
                            is_whole
                                ? "without " + join_text(missing, ", ")
                                : fmt::format("with {}, while the hub has {}", cached_.filename().string(), commit)));
    return is_whole ? snapshot : cached_;
  }

  void download(const std::string& commit, const std::vector<std::string>& names) {
    const std::vector<RepoFile> files = describe(commit, names);
    uint64_t total = 0;
    for (const RepoFile& file : files) total += file.size;
    const bool is_known = std::all_of(files.begin(), files.end(), [](const RepoFile& file) { return file.size > 0; });
    log_info(fmt::format("[hub] {}: {} file{} to fetch, {}", id_.text(), files.size(), files.size() == 1 ? "" : "s",
                         format_bytes(static_cast<double>(total))));
    warn_of_small_disk(total);
    Progress progress(id_.name, is_known ? total : 0);
    in_parallel(files.size(), [&](size_t i) { download_blob(hub_, cache_, files[i], progress); });
    // The weights, which come last, make a snapshot that is complete.
    for (const std::string& name : names) {
      const auto file = std::find_if(files.begin(), files.end(), [&](const RepoFile& candidate) {
        return std::find(candidate.names.begin(), candidate.names.end(), name) != candidate.names.end();
      });
      cache_.place(file->etag, cache_.snapshot(commit) / name);
    }
  }

  std::vector<RepoFile> describe(const std::string& commit, const std::vector<std::string>& names) {
    std::vector<RepoFile> all(names.size()), files;
    in_parallel(names.size(), [&](size_t i) { all[i] = hub_.describe(commit, names[i]); });
    for (RepoFile& file : all) {
      const auto same =
          std::find_if(files.begin(), files.end(), [&](const RepoFile& other) { return other.etag == file.etag; });
      if (same == files.end()) {
        files.push_back(std::move(file));
      } else {
        same->names.push_back(file.names[0]);
      }
    }
    return files;
  }

  void warn_of_small_disk(uint64_t needed) const {
    std::error_code unknown;
    const fs::space_info space = fs::space(options_.cache, unknown);
    if (!unknown && space.available < needed)
      log_warning(fmt::format("[hub] {}: {} free, {} to download", options_.cache.string(),
                              format_bytes(static_cast<double>(space.available)),
                              format_bytes(static_cast<double>(needed))));
  }

  void in_parallel(size_t count, const std::function<void(size_t)>& body) const {
    ThreadPool pool(static_cast<size_t>(std::max(options_.num_parallel - 1, 0)));  // and the caller
    pool.parallel_for(count, body);
  }

  const RepoId& id_;
  const HubOptions& options_;
  RepoCache cache_;
  RepoFiles hub_;
  fs::path cached_;             // the snapshot that the cache knows for the revision
  std::string cached_problem_;  // what it lacks
};

}  // namespace

fs::path fetch_model(const RepoId& id, const HubOptions& options) { return Fetch(id, options).run(); }

}  // namespace molmo::hub
