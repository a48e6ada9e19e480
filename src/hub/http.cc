// SPDX-License-Identifier: Apache-2.0
#include "hub/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <thread>

#include "base/log.h"
#include "base/strings.h"
#include "molmo/error.h"
#include "molmo/version.h"

namespace molmo::hub {
namespace {

constexpr long kConnectSeconds = 20, kMostRedirects = 10;

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw Error("[hub] libcurl does not start");
}

// One attempt on one handle.
class Attempt {
 public:
  Attempt(const std::string& url, const HttpOptions& options, bool wants_body)
      : handle_(curl_easy_init(), curl_easy_cleanup) {
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(CURLOPT_USERAGENT, user_agent().c_str());
    set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_limit.count()));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_NOBODY, wants_body ? 0L : 1L);
    set(CURLOPT_FOLLOWLOCATION, wants_body ? 1L : 0L);
    set(CURLOPT_MAXREDIRS, kMostRedirects);
    set(CURLOPT_HEADERFUNCTION, take_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, take_body);
    set(CURLOPT_WRITEDATA, this);
    if (!options.token.empty()) {  // libcurl drops it on the way to another host
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
      set(CURLOPT_XOAUTH2_BEARER, options.token.c_str());
    }
  }

  // The reason of a failure, or "".
  std::string run(uint64_t offset, const ByteSink& sink, const std::function<void()>& restart) {
    sink_ = &sink, restart_ = &restart;
    if (offset > 0) set(CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset));
    CURLcode code = curl_easy_perform(handle_.get());
    if (code == CURLE_RANGE_ERROR) {  // the server has no ranges: all of it again
      set(CURLOPT_RESUME_FROM_LARGE, curl_off_t{0});
      code = curl_easy_perform(handle_.get());
    }
    if (failure_) std::rethrow_exception(failure_);
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &response.status);
    if (code != CURLE_OK && code != CURLE_HTTP_RETURNED_ERROR) return curl_easy_strerror(code);
    if (response.status == 429 || response.status >= 500) return fmt::format("status {}", response.status);
    return "";
  }

  HttpResponse response;

 private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(handle_.get(), option, value);
  }

  static const std::string& user_agent() {
    static const std::string text = std::string("molmo.cpp/") + kVersion;
    return text;
  }

  static size_t take_header(char* data, size_t size, size_t count, void* self) {
    const std::string_view line(data, size * count);
    auto& headers = static_cast<Attempt*>(self)->response.headers;
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      headers[lower_ascii(line.substr(0, colon))] = std::string(trim_text(line.substr(colon + 1)));
    return size * count;
  }

  static size_t take_body(char* data, size_t size, size_t count, void* self) {
    auto* attempt = static_cast<Attempt*>(self);
    long status = 0;
    curl_easy_getinfo(attempt->handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) return size * count;
    try {
      if (status == 200 && !attempt->has_begun_ && *attempt->restart_) (*attempt->restart_)();
      attempt->has_begun_ = true;
      (*attempt->sink_)({reinterpret_cast<const uint8_t*>(data), size * count});
      return size * count;
    } catch (...) {
      attempt->failure_ = std::current_exception();
      return 0;
    }
  }

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
  const ByteSink* sink_ = nullptr;
  const std::function<void()>* restart_ = nullptr;
  bool has_begun_ = false;
  std::exception_ptr failure_;
};

// How long to wait before the next attempt: what the server asks for, within bounds, or twice as long as the last time.
std::chrono::milliseconds delay_before(int attempt, const HttpResponse& response, const HttpOptions& options) {
  std::chrono::milliseconds delay = options.first_delay * (1 << std::min(attempt - 1, 10));
  const auto asked = response.headers.find("retry-after");
  if (asked != response.headers.end() && asked->second.find_first_not_of("0123456789") == std::string::npos &&
      !asked->second.empty() && asked->second.size() < 9) {
    delay = std::chrono::seconds(std::stol(asked->second));
  }
  return std::min(delay, options.longest_delay);
}

HttpResponse run_attempts(const std::string& url, const HttpOptions& options, bool wants_body, const ByteSink& sink,
                          const StartOffset& start, const std::function<void()>& restart) {
  start_curl();
  for (int number = 1;; ++number) {
    Attempt attempt(url, options, wants_body);
    const std::string reason = attempt.run(start ? start() : 0, sink, restart);
    if (reason.empty()) return attempt.response;
    if (number >= options.max_attempts)
      throw Error(fmt::format("[hub] {}: {}, after {} attempts", url, reason, number), ExitCode::kRestart);
    const std::chrono::milliseconds delay = delay_before(number, attempt.response, options);
    log_warning(fmt::format("[hub] {}: {}; again in {}", url, reason,
                            format_duration(std::chrono::duration<double>(delay).count())));
    std::this_thread::sleep_for(delay);
  }
}

}  // namespace

HttpResponse http_get(const std::string& url, const HttpOptions& options, const ByteSink& sink,
                      const StartOffset& start, const std::function<void()>& restart) {
  return run_attempts(url, options, true, sink, start, restart);
}

HttpResponse http_get_text(const std::string& url, const HttpOptions& options, std::string& body) {
  return http_get(
      url, options, [&](std::span<const uint8_t> bytes) { body.append(bytes.begin(), bytes.end()); }, {},
      [&] { body.clear(); });
}

HttpResponse http_head(std::string url, const HttpOptions& options) {
  for (long number = 0;; ++number) {
    HttpResponse response = run_attempts(url, options, false, [](std::span<const uint8_t>) {}, {}, {});
    const auto location = response.headers.find("location");
    const bool is_here = response.status / 100 == 3 && location != response.headers.end() &&
                         location->second.starts_with('/') && !location->second.starts_with("//");
    if (!is_here) return response;
    if (number >= kMostRedirects) throw Error(fmt::format("[hub] {}: more than {} redirects", url, kMostRedirects));
    url = url.substr(0, url.find('/', url.find("://") + 3)) + location->second;
  }
}

}  // namespace molmo::hub
