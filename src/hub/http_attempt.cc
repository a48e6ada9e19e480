// SPDX-License-Identifier: Apache-2.0
#include "hub/http_attempt.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>

#include "molmo/error.h"
#include "molmo/version.h"

namespace molmo::hub {
namespace {

constexpr int kMostRedirects = 10;
constexpr long kLongestAnswer = 30;  // of what is no file, in metadata_limits

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw Error("[hub] libcurl does not start");
}

// `detail` is libcurl's text, which tells what of TLS went wrong.
Failure kind_of(CURLcode code, std::string_view detail) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
      return Failure::kUnresolved;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return Failure::kPassing;
    case CURLE_SSL_CONNECT_ERROR:  // cut during the handshake, or no TLS at all
      return detail.find("SSL routines") == std::string_view::npos ? Failure::kPassing : Failure::kPermanent;
    default:
      return Failure::kPermanent;
  }
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

class Attempt {
 public:
  Attempt(const HttpRequest& request, const HttpOptions& options)
      : request_(request), options_(options), handle_(curl_easy_init(), curl_easy_cleanup) {
    static const std::string kUserAgent = std::string("molmo.cpp/") + kVersion;
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_USERAGENT, kUserAgent.c_str());
    set(CURLOPT_ERRORBUFFER, detail_.data());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_NOBODY, request.body == nullptr ? 1L : 0L);
    const bool wants_plain = request.is_file || request.body == nullptr;
    set(CURLOPT_ACCEPT_ENCODING, wants_plain ? "identity" : "");  // "": all that libcurl can decode
    set(CURLOPT_HEADERFUNCTION, take_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, take_body);
    set(CURLOPT_WRITEDATA, this);
    set_limits();
    if (!options.authorities.empty())
      set(std::filesystem::is_directory(options.authorities) ? CURLOPT_CAPATH : CURLOPT_CAINFO,
          options.authorities.c_str());
    begin_ = request.body == nullptr ? 0 : request.body->size();
    if (begin_ > 0) set(CURLOPT_RANGE, fmt::format("{}-", begin_).c_str());
  }

  Outcome run() {
    Url url = request_.url;
    for (int num_redirects = 0;; ++num_redirects) {
      point_at(url);
      const CURLcode code = curl_easy_perform(handle_.get());
      if (thrown_) std::rethrow_exception(thrown_);
      HttpResponse& response = outcome_.response;
      curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &response.status);
      response.url = url.shown();
      response.is_direct = url.has_origin_of(request_.url);
      if (code != CURLE_OK) return fail(code);
      if (!leads_on(url)) return finish();
      if (num_redirects == kMostRedirects) return fail_for_good(fmt::format("more than {} redirects", kMostRedirects));
      const Url next = url.joined(response.headers.get("location"));
      if (request_.body == nullptr && !next.has_origin_of(url) && response.headers.has("etag")) return finish();
      url = next;
    }
  }

 private:
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(handle_.get(), option, value);
  }

  void set_limits() {
    const auto metadata = static_cast<long>(options_.metadata_limit.count());
    set(CURLOPT_CONNECTTIMEOUT, metadata);
    set(CURLOPT_LOW_SPEED_LIMIT, kSlowest);
    set(CURLOPT_LOW_SPEED_TIME, request_.is_file ? static_cast<long>(options_.stall_limit.count()) : metadata);
    if (!request_.is_file) return set(CURLOPT_TIMEOUT, kLongestAnswer * metadata);
    constexpr long kPiece = 512 << 10;
    set(CURLOPT_BUFFERSIZE, kPiece);
  }

  void point_at(const Url& url) {
    set(CURLOPT_URL, url.text().c_str());
    // A token goes to its own origin only, and never where others can read it.
    const bool sends_token = request_.sends_token && url.has_origin_of(request_.url) && url.is_private();
    set(CURLOPT_HTTPAUTH, static_cast<long>(sends_token ? CURLAUTH_BEARER : CURLAUTH_NONE));
    set(CURLOPT_XOAUTH2_BEARER, sends_token ? options_.token.c_str() : nullptr);
    set(CURLOPT_NOPROXY, url.is_loopback() ? "*" : nullptr);  // null: as NO_PROXY says
    // libcurl reads http_proxy alone, because a CGI program's HTTP_PROXY is its client's word.
    const char* proxy = std::getenv("HTTP_PROXY");
    const bool takes_upper_case = proxy != nullptr && !url.is_https() && std::getenv("http_proxy") == nullptr &&
                                  std::getenv("REQUEST_METHOD") == nullptr;
    set(CURLOPT_PROXY, takes_upper_case ? proxy : nullptr);
  }

  bool leads_on(const Url& url) const {
    const HttpHeaders& headers = outcome_.response.headers;
    if (!is_redirect(outcome_.response.status) || !headers.has("location")) return false;
    return request_.body != nullptr || !headers.has("x-linked-etag") || !url.has_origin_of(request_.url);
  }

  Outcome finish() {
    const bool is_whole = outcome_.response.status == 200 && request_.body != nullptr;
    if (is_whole && !has_begun_) request_.body->clear();  // an answer without a byte
    curl_off_t seconds = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) outcome_.asked_delay = std::chrono::seconds(seconds);
    if (!outcome_.asked_delay) outcome_.asked_delay = outcome_.response.headers.rate_limit_reset();
    return outcome_;
  }

  Outcome fail(CURLcode code) {
    if (outcome_.reason.empty()) {
      outcome_.reason = detail_[0] != '\0' ? detail_.data() : curl_easy_strerror(code);
      outcome_.failure = kind_of(code, outcome_.reason);
      if (code == CURLE_PEER_FAILED_VERIFICATION) outcome_.reason += " (SSL_CERT_FILE names certificates to trust)";
    }
    long proxy_status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (proxy_status / 100 == 4) outcome_.failure = Failure::kPermanent;  // the proxy does not let it through
    return outcome_;
  }

  Outcome fail_for_good(std::string reason) {
    outcome_.failure = Failure::kPermanent;
    outcome_.reason = std::move(reason);
    return outcome_;
  }

  static size_t take_header(char* data, size_t size, size_t count, void* self) {
    auto* attempt = static_cast<Attempt*>(self);
    if (attempt->outcome_.response.headers.add_line({data, size * count})) return size * count;
    attempt->fail_for_good("more headers than a server needs");
    return 0;
  }

  static size_t take_body(char* data, size_t size, size_t count, void* self) {
    auto* attempt = static_cast<Attempt*>(self);
    try {
      return attempt->take({reinterpret_cast<const uint8_t*>(data), size * count}) ? size * count : 0;
    } catch (...) {
      attempt->thrown_ = std::current_exception();
      return 0;
    }
  }

  bool take(std::span<const uint8_t> bytes) {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) return true;  // a notice that nobody reads
    if (!has_begun_) {
      const std::optional<uint64_t> range_begin = outcome_.response.headers.range_begin();
      if (status == 206 && range_begin && *range_begin != begin_) {
        outcome_.failure = Failure::kPassing;
        outcome_.reason = fmt::format("got bytes from {} on, expected {}", *range_begin, begin_);
        request_.body->clear();  // the next attempt asks for the whole
        return false;
      }
      if (status == 200) request_.body->clear();  // all of it, whatever an earlier attempt has left
    }
    has_begun_ = true;
    request_.body->append(bytes);
    return true;
  }

  const HttpRequest& request_;
  const HttpOptions& options_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
  std::array<char, CURL_ERROR_SIZE> detail_{};
  uint64_t begin_ = 0;
  bool has_begun_ = false;
  std::exception_ptr thrown_;
  Outcome outcome_;
};

}  // namespace

Outcome attempt(const HttpRequest& request, const HttpOptions& options) {
  start_curl();
  return Attempt(request, options).run();
}

}  // namespace molmo::hub
