// SPDX-License-Identifier: Apache-2.0
#include "hub/options.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::hub {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEndpoint = "https://huggingface.co";

// The variables as the rules need them. One that is set to nothing counts as absent.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  std::string text(const char* name) const { return environment_(name).value_or(""); }

  // The first of `names` that says something, or "".
  std::string first_of(std::initializer_list<const char*> names) const {
    const auto found = std::find_if(names.begin(), names.end(), [&](const char* name) { return !text(name).empty(); });
    return found == names.end() ? "" : *found;
  }

  bool is_true(const std::string& name) const {
    const std::string word = lower_ascii(trim_text(text(name.c_str())));
    return word == "1" || word == "on" || word == "yes" || word == "true";
  }

  std::chrono::seconds seconds(const char* name, std::chrono::seconds otherwise) const {
    const std::string value(trim_text(text(name)));
    if (value.empty() || value == "0") return otherwise;
    constexpr uint64_t kLongest = 24 * 3600;
    const std::optional<uint64_t> count = parse_count(value);
    if (!count || *count > kLongest)
      throw Error(fmt::format("[hub] {}: got '{:.40}', expected seconds, at most {}", name, value, kLongest));
    return std::chrono::seconds(*count);
  }

  // A path with "~" and $VARIABLE in it, which quotes have kept from the shell.
  fs::path path(const std::string& name) const { return with_variables(with_home(text(name.c_str()))); }

  fs::path home(const std::string& user = "") const {
    if (const std::string own = text("HOME"); user.empty() && !own.empty()) return own;
    const passwd* entry = user.empty() ? ::getpwuid(::getuid()) : ::getpwnam(user.c_str());
    return entry == nullptr ? "" : entry->pw_dir;
  }

 private:
  std::string with_home(const std::string& path) const {
    if (!path.starts_with('~')) return path;
    const size_t end = std::min(path.find('/'), path.size());
    const fs::path folder = home(path.substr(1, end - 1));
    return folder.empty() ? path : folder.string() + path.substr(end);
  }

  std::string with_variables(const std::string& path) const {
    std::string expanded;
    for (size_t at = 0; at < path.size();) {
      const bool has_brace = path.compare(at, 2, "${") == 0;
      size_t end = at + (has_brace ? 2 : 1);
      const size_t begin = end;
      while (end < path.size() && (std::isalnum(static_cast<unsigned char>(path[end])) || path[end] == '_')) ++end;
      const std::string name = path[at] == '$' ? path.substr(begin, end - begin) : "";
      const bool is_closed = !has_brace || (end < path.size() && path[end] == '}');
      const auto value = name.empty() || !is_closed ? std::nullopt : environment_(name.c_str());
      if (value) {
        expanded += *value;
        at = end + (has_brace ? 1 : 0);
      } else {
        expanded += path[at++];
      }
    }
    return expanded;
  }

  const Environment& environment_;
};

// White space around a token is an editor's or a shell's; inside one it would tear the header apart.
std::string clean_token(const std::string& text, const std::string& source) {
  const std::string token(trim_text(text));
  const auto bad = std::find_if(token.begin(), token.end(), [](char c) { return c <= ' ' || c > '~'; });
  if (bad != token.end()) {
    throw Error(fmt::format("[hub] {}: got a token with byte 0x{:02x} at place {}, expected visible ASCII characters",
                            source, static_cast<unsigned char>(*bad), bad - token.begin() + 1));
  }
  return token;
}

std::string read_token_file(const fs::path& path) {
  std::error_code absent;
  if (!fs::exists(path, absent)) return "";
  try {
    return read_text_file(path);
  } catch (const Error& error) {  // of a shared HF_HOME the token is its owner's
    log_warning(fmt::format("[hub] going on without a token: {}", error.what()));
    return "";
  }
}

void find_token(const Variables& variables, const fs::path& root, HttpOptions& http) {
  if (variables.is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return;
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    http.token = clean_token(variables.text(name), name);
    http.token_source = name;
    if (!http.token.empty()) return;
  }
  const fs::path named = variables.path("HF_TOKEN_PATH"), path = named.empty() ? root / "token" : named;
  http.token = clean_token(read_token_file(path), path.string());
  http.token_source = path.string();
}

fs::path find_root(const Variables& variables) {
  if (const fs::path home = variables.path("HF_HOME"); !home.empty()) return home;
  const fs::path caches = variables.path("XDG_CACHE_HOME");
  return (caches.empty() ? variables.home() / ".cache" : caches) / "huggingface";
}

}  // namespace

HubOptions hub_options(const Environment& environment) {
  const Variables variables(environment);
  HubOptions options;
  const fs::path root = find_root(variables);
  const std::string cache = variables.first_of({"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
  options.cache = cache.empty() ? root / "hub" : variables.path(cache);
  const std::string offline = variables.first_of({"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"});
  if (variables.is_true(offline)) {
    options.offline_by = offline;
    return options;
  }
  const std::string endpoint(trim_text(variables.text("HF_ENDPOINT")));
  options.endpoint = parse_endpoint(endpoint.empty() ? kEndpoint : endpoint, "HF_ENDPOINT");
  HttpOptions& http = options.http;
  http.metadata_limit = variables.seconds("HF_HUB_ETAG_TIMEOUT", http.metadata_limit);
  http.stall_limit = variables.seconds("HF_HUB_DOWNLOAD_TIMEOUT", http.stall_limit);
  const std::string authorities = variables.first_of({"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"});
  if (!authorities.empty()) http.authorities = variables.text(authorities.c_str());
  find_token(variables, root, http);
  return options;
}

HubOptions hub_options() {
  return hub_options([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

void expect_safe_token(const HubOptions& options) {
  if (options.http.token.empty()) return;
  const Url url(options.endpoint);
  if (url.is_private()) return;
  throw Error(
      fmt::format("[hub] the token of {} would go over plain http to {}, expected https in HF_ENDPOINT (or no "
                  "token: HF_HUB_DISABLE_IMPLICIT_TOKEN=1)",
                  options.http.token_source, url.shown()));
}

}  // namespace molmo::hub
