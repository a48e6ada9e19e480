// GET and HEAD with redirects, ranges and bounded patience, over libcurl.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "hub/http_headers.h"
#include "hub/url.h"

namespace molmo::hub {

struct HttpOptions {
  std::string token;         ///< sent as a bearer token, to the origin that is asked first and to no other
  std::string token_source;  ///< the variable or file that it is from, for messages
  int max_attempts = 6;      ///< in a row that bring no new byte
  std::chrono::milliseconds first_delay{500};       ///< before the second attempt; doubles each time
  std::chrono::milliseconds longest_delay{30'000};  ///< also of what a server asks for
  std::chrono::seconds metadata_limit{10};          ///< to connect, and without bytes of an answer that is no file
  std::chrono::seconds stall_limit{60};             ///< of a file that comes slower than kSlowest
  std::string authorities;                          ///< file or folder of certificates; empty: those of the system
};

/// Bytes per second; below it a transfer counts as stalled.
inline constexpr long kSlowest = 1024;

struct HttpResponse {
  long status = 0;
  HttpHeaders headers;     ///< of the last answer
  std::string url;         ///< that answered, for messages
  bool is_direct = false;  ///< answered where it was asked, not by another origin after redirects
};

/// Where the bytes of an answer go.
class Body {
 public:
  virtual ~Body() = default;
  virtual uint64_t size() const = 0;  ///< what is there; an attempt asks for what follows
  virtual void append(std::span<const uint8_t> bytes) = 0;
  virtual void clear() = 0;  ///< the server begins anew
};

/// Asks one hub. Threads may share it.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);

  /// Every attempt begins at `url`, whose redirects may lead to an address that soon runs out, and goes on after the
  /// bytes that `body` has. Failures of the network, 408, 429 and 5xx are tried again, and so are errors of another
  /// origin. A name without an address is tried twice unless the hub has answered this client before: then the network
  /// was there. Other statuses than 200 and 206 are returned without a body. Errors: attempts used up (exit code 75);
  /// what no later attempt can mend, like a certificate (exit code 2).
  HttpResponse get(const Url& url, Body& body);

  /// A small answer as text. `max_attempts` takes the place of the options'.
  HttpResponse get_text(const Url& url, std::string& text, int max_attempts);

  /// The headers alone. Redirects within the origin are followed (a renamed model); one to another origin is the
  /// answer if it says what the file is.
  HttpResponse head(const Url& url);

  /// Whether the hub has refused the token. It is not sent again.
  bool is_token_refused() const { return is_token_refused_; }

 private:
  HttpResponse send(const Url& url, Body* body, bool is_file, int max_attempts);
  HttpResponse try_patiently(const Url& url, Body* body, bool is_file, int max_attempts, bool sends_token) const;

  HttpOptions options_;
  std::atomic<bool> is_token_refused_ = false;
  mutable std::atomic<bool> has_answered_ = false;  // anything, once
};

}  // namespace molmo::hub
