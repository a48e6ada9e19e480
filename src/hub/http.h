// HTTP GET with redirects, ranges and bounded retries, over libcurl.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace molmo::hub {

struct HttpOptions {
  std::string token;  ///< sent as a bearer token to the first host only
  int max_attempts = 6;
  std::chrono::milliseconds first_delay{500};       ///< before the second attempt; doubles each time
  std::chrono::milliseconds longest_delay{30'000};  ///< also of what a server asks for by Retry-After
  std::chrono::seconds stall_limit{60};             ///< without a byte the attempt has failed
};

struct HttpResponse {
  long status = 0;
  std::map<std::string, std::string> headers;  ///< of the last response, and of redirects before it; lower-case names
};

/// Takes the body's bytes as they come.
using ByteSink = std::function<void(std::span<const uint8_t>)>;

/// What an attempt begins with: from which byte to go on.
using StartOffset = std::function<uint64_t()>;

/// One GET. `start` is asked before every attempt, so that a cut transfer goes on where it was; a server that sends the
/// whole file instead answers 200, and `restart` is called before its first byte. Failures of the network, 429 and 5xx
/// are tried again. Other statuses than 200 and 206 are returned without a body. Errors: attempts used up, with the
/// last reason; a URL that is none.
HttpResponse http_get(const std::string& url, const HttpOptions& options, const ByteSink& sink,
                      const StartOffset& start = {}, const std::function<void()>& restart = {});

/// The body as text, for small answers.
HttpResponse http_get_text(const std::string& url, const HttpOptions& options, std::string& body);

/// The headers alone. Redirects within the host are followed (a renamed model); one to another host is the answer: its
/// headers are where the hub says what a file is.
HttpResponse http_head(std::string url, const HttpOptions& options);

}  // namespace molmo::hub
