// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file_lock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "hub/sha256.h"
#include "molmo/error.h"

namespace molmo::hub {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kEndpoint = "https://huggingface.co";
constexpr const char* kRevision = "main";
constexpr std::string_view kWantedEndings[] = {".safetensors", ".json", ".model", "merges.txt"};
constexpr size_t kSha256Digits = 64;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct RepoFile {
  std::vector<std::string> names;  // in the snapshot: those of one content share a blob
  std::string url;
  std::string etag;
  uint64_t size = 0;
};

struct RepoId {
  std::string name, revision = kRevision;
};

RepoId parse_id(const std::string& text) {
  const size_t at = text.find('@');
  return at == std::string::npos ? RepoId{text} : RepoId{text.substr(0, at), text.substr(at + 1)};
}

bool is_wanted(const std::string& name) {
  if (name.find('/') != std::string::npos || name.find("..") != std::string::npos)
    return false;  // parts of other programs
  return std::any_of(std::begin(kWantedEndings), std::end(kWantedEndings),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

[[noreturn]] void fail_status(const std::string& what, long status, const std::string& token) {
  if (status == 401 || status == 403) {
    throw Error(fmt::format("[hub] {}: no right to it (status {}), expected {}", what, status,
                            token.empty() ? "a token in HF_TOKEN, if it is private or gated"
                                          : "a token that was granted access on its page"));
  }
  if (status == 404)
    throw Error(
        fmt::format("[hub] {}: not found (status 404), expected an id of the hub, or a folder that exists", what));
  throw Error(fmt::format("[hub] {}: got status {}, expected 200", what, status));
}

// One model of the hub and its place in the cache.
class Repo {
 public:
  Repo(const std::string& id, const HubOptions& options) : id_(parse_id(id)), options_(options) {
    std::string folder = "models--" + id_.name;
    folder.replace(folder.find('/'), 1, "--");
    root_ = options.cache / folder;
  }

  fs::path fetch() {
    if (options_.is_offline) return cached_snapshot();
    list();
    const fs::path snapshot = root_ / "snapshots" / commit_;
    fs::create_directories(snapshot);
    fs::create_directories(root_ / "blobs");
    download_all(missing_files(snapshot), snapshot);
    const FileLock lock(options_.cache / ".locks" / root_.filename() / "refs.lock");
    fs::create_directories((root_ / "refs" / id_.revision).parent_path());
    write_file_atomically(root_ / "refs" / id_.revision, commit_);
    return snapshot;
  }

 private:
  fs::path cached_snapshot() const {
    const fs::path ref = root_ / "refs" / id_.revision;
    if (fs::exists(ref)) {
      const fs::path snapshot = root_ / "snapshots" / std::string(trim_text(read_text_file(ref)));
      if (fs::exists(snapshot)) return snapshot;
    }
    throw Error(fmt::format("[hub] {}@{}: not in the cache {}, and HF_HUB_OFFLINE is set", id_.name, id_.revision,
                            options_.cache.string()));
  }

  void list() {
    std::string body;
    const HttpResponse response = http_get_text(
        fmt::format("{}/api/models/{}/revision/{}", options_.endpoint, id_.name, id_.revision), options_.http, body);
    if (response.status != 200) fail_status(id_.name + "@" + id_.revision, response.status, options_.http.token);
    try {
      const Json info = parse_json(body, id_.name);
      commit_ = info.at("sha").get<std::string>();
      for (const Json& file : info.at("siblings")) {
        if (std::string name = file.at("rfilename").get<std::string>(); is_wanted(name))
          names_.push_back(std::move(name));
      }
    } catch (const Json::exception&) {
      throw Error(fmt::format("[hub] {}: the answer of {} is not that of a hub", id_.name, options_.endpoint));
    }
    if (commit_.empty() || commit_.find_first_not_of("0123456789abcdef") != std::string::npos)
      throw Error(fmt::format("[hub] {}: got commit '{:.60}', expected hexadecimal digits", id_.name, commit_));
    if (names_.empty()) throw Error(fmt::format("[hub] {}: no weights or configuration, expected a model", id_.name));
  }

  std::vector<RepoFile> missing_files(const fs::path& snapshot) const {
    std::vector<RepoFile> missing;
    for (const std::string& name : names_) {
      if (fs::exists(snapshot / name)) continue;
      RepoFile file = describe(name);
      const auto same =
          std::find_if(missing.begin(), missing.end(), [&](const RepoFile& other) { return other.etag == file.etag; });
      if (same == missing.end()) {
        missing.push_back(std::move(file));
      } else {
        same->names.push_back(name);
      }
    }
    return missing;
  }

  RepoFile describe(const std::string& name) const {
    RepoFile file{.names = {name},
                  .url = fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, id_.name, commit_, name)};
    const HttpResponse response = http_head(file.url, options_.http);
    if (response.status != 200 && response.status / 100 != 3)
      fail_status(id_.name + "/" + name, response.status, options_.http.token);
    const auto header = [&](const char* linked, const char* plain) {
      const auto found = response.headers.find(linked);
      const auto other = response.headers.find(plain);
      return found != response.headers.end() ? found->second : other != response.headers.end() ? other->second : "";
    };
    file.etag = header("x-linked-etag", "etag");
    if (file.etag.starts_with("W/")) file.etag.erase(0, 2);
    std::erase(file.etag, '"');
    if (file.etag.empty() || file.etag.find_first_not_of("0123456789abcdefABCDEF-") != std::string::npos) {
      throw Error(fmt::format("[hub] {}/{}: got ETag '{:.80}', expected a hash", id_.name, name, file.etag));
    }
    // A redirect's own length is that of its notice.
    const std::string size = header("x-linked-size", response.status == 200 ? "content-length" : "");
    file.size = size.empty() || size.size() > 18 || size.find_first_not_of("0123456789") != std::string::npos
                    ? 0
                    : std::stoull(size);
    return file;
  }

  void download_all(const std::vector<RepoFile>& files, const fs::path& snapshot) {
    for (const RepoFile& file : files) num_total_ += file.size;
    if (files.empty()) return;
    log_info(
        fmt::format("[hub] {}: {} files, {}", id_.name, files.size(), format_bytes(static_cast<double>(num_total_))));
    std::atomic<size_t> next = 0;
    std::mutex mutex;
    std::exception_ptr failure;
    {
      std::vector<std::jthread> workers;
      for (int i = 0; i < std::min<int>(options_.num_parallel, static_cast<int>(files.size())); ++i) {
        workers.emplace_back([&] {
          for (size_t index; (index = next++) < files.size();) {
            try {
              download(files[index], snapshot);
            } catch (...) {
              const std::lock_guard lock(mutex);
              if (!failure) failure = std::current_exception();
              next = files.size();
            }
          }
        });
      }
    }
    if (failure) std::rethrow_exception(failure);
  }

  void download(const RepoFile& file, const fs::path& snapshot) {
    const fs::path blob = root_ / "blobs" / file.etag, partial = blob.string() + ".incomplete";
    // Another process may be at the same file; it is locked where Hugging Face's own programs lock it.
    const FileLock lock(options_.cache / ".locks" / root_.filename() / (file.etag + ".lock"));
    if (!fs::exists(blob)) {
      download_partial(file, partial);
      check(file, partial);
      fs::rename(partial, blob);
    }
    for (const std::string& name : file.names) {
      std::error_code exists;
      fs::create_symlink(fs::path("../../blobs") / file.etag, snapshot / name, exists);
      if (exists && !fs::exists(snapshot / name)) fs::copy_file(blob, snapshot / name);  // a file system without links
    }
  }

  void download_partial(const RepoFile& file, const fs::path& partial) {
    std::error_code absent;
    const auto size_now = [&]() -> uint64_t {
      const uint64_t size = fs::file_size(partial, absent);
      return absent ? 0 : size;
    };
    if (file.size > 0 && size_now() >= file.size) {  // complete but unchecked, or something else
      if (size_now() == file.size) return;
      fs::remove(partial);
    }
    std::ofstream out(partial, std::ios::binary | std::ios::app);
    const auto restart = [&] {
      out.close();
      out.open(partial, std::ios::binary | std::ios::trunc);
    };
    const auto keep = [&](std::span<const uint8_t> bytes) {
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      if (!out) throw Error(fmt::format("[hub] cannot write {}: is the disk full?", partial.string()));
      show_progress(bytes.size());
    };
    const auto start = [&] {
      out.flush();
      return size_now();
    };
    const HttpResponse response = http_get(file.url, options_.http, keep, start, restart);
    if (response.status != 200 && response.status != 206)
      fail_status(id_.name + "/" + file.names[0], response.status, options_.http.token);
  }

  void check(const RepoFile& file, const fs::path& partial) const {
    const uint64_t size = fs::file_size(partial);
    const bool has_hash = file.etag.size() == kSha256Digits;
    const std::string hash = has_hash ? sha256_of_file(partial) : file.etag;
    if ((file.size == 0 || size == file.size) && hash == lower_ascii(file.etag)) return;
    fs::remove(partial);
    throw Error(fmt::format(
        "[hub] {}/{}: got {} bytes with sha256 {}, expected {} with {}; the download was thrown away", id_.name,
        file.names[0], size, has_hash ? hash : "unknown", file.size, has_hash ? file.etag : "any"));
  }

  void show_progress(size_t num_bytes) {
    constexpr auto kEvery = std::chrono::seconds(2);
    const uint64_t done = num_done_ += num_bytes;
    const std::lock_guard lock(progress_mutex_);
    const auto now = Clock::now();
    if (now - last_shown_ < kEvery) return;
    last_shown_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    log_info(fmt::format("[hub] {} of {}, {}/s", format_bytes(static_cast<double>(done)),
                         format_bytes(static_cast<double>(num_total_)),
                         format_bytes(static_cast<double>(done) / seconds)));
  }

  RepoId id_;
  const HubOptions& options_;
  fs::path root_;
  std::string commit_;
  std::vector<std::string> names_;
  uint64_t num_total_ = 0;
  std::atomic<uint64_t> num_done_ = 0;
  std::mutex progress_mutex_;
  Clock::time_point begin_ = Clock::now(), last_shown_ = begin_;
};

}  // namespace

HubOptions hub_options() {
  HubOptions options;
  options.endpoint = environment("HF_ENDPOINT");
  if (options.endpoint.empty()) options.endpoint = kEndpoint;
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  const std::string home = environment("HF_HOME"), cache = environment("HF_HUB_CACHE");
  const fs::path root = home.empty() ? fs::path(environment("HOME")) / ".cache" / "huggingface" : fs::path(home);
  options.cache = cache.empty() ? root / "hub" : fs::path(cache);
  const std::string offline = environment("HF_HUB_OFFLINE");
  options.is_offline = !offline.empty() && offline != "0";
  options.http.token = environment("HF_TOKEN");
  if (options.http.token.empty() && fs::exists(root / "token"))
    options.http.token = std::string(trim_text(read_text_file(root / "token")));
  return options;
}

bool is_hub_id(const std::string& text) {
  const RepoId id = parse_id(text);
  const auto is_name = [](std::string_view part) {
    return !part.empty() && part.front() != '.' && part.front() != '-' &&
           std::all_of(part.begin(), part.end(),
                       [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
  };
  const std::vector<std::string> parts = split_text(id.name, '/');
  return parts.size() == 2 && is_name(parts[0]) && is_name(parts[1]) && is_name(id.revision);
}

fs::path fetch_model(const std::string& id, const HubOptions& options) { return Repo(id, options).fetch(); }

}  // namespace molmo::hub
