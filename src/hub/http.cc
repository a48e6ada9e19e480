// SPDX-License-Identifier: Apache-2.0
#include "hub/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "base/strings.h"
#include "hub/http_attempt.h"
#include "molmo/error.h"

namespace molmo::hub {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr size_t kLargestText = 32 << 20;

class TextBody : public Body {
 public:
  TextBody(const Url& url, std::string& text) : url_(url), text_(text) {}
  uint64_t size() const override { return 0; }  // small: every attempt asks for all of it
  void append(std::span<const uint8_t> bytes) override {
    if (text_.size() + bytes.size() > kLargestText)
      throw Error(fmt::format("[hub] {}: an answer of more than {}, expected less", url_.shown(),
                              format_bytes(static_cast<double>(kLargestText))));
    text_.append(bytes.begin(), bytes.end());
  }
  void clear() override { text_.clear(); }

 private:
  const Url& url_;
  std::string& text_;
};

// Counts the attempts in a row that brought nothing. A server that drips is one that stalls: new bytes count only
// while they come faster than kSlowest.
class Patience {
 public:
  Patience(const HttpOptions& options, int max_attempts, uint64_t num_bytes)
      : options_(options), max_attempts_(max_attempts), furthest_(num_bytes), mark_(num_bytes) {}

  // Another attempt helps against a name server that stumbles, and no number of them where there is no network.
  void expect_no_network() { max_attempts_ = std::min(max_attempts_, 2); }

  // Returns whether another attempt is due.
  bool has_more(uint64_t num_bytes) {
    ++num_attempts_;
    const bool got_on = num_bytes > furthest_ && !drips(num_bytes);
    furthest_ = std::max(furthest_, num_bytes);
    num_fruitless_ = got_on ? 1 : num_fruitless_ + 1;
    return num_fruitless_ < max_attempts_;
  }

  Milliseconds delay(const std::optional<std::chrono::seconds>& asked) const {
    const Milliseconds own = options_.first_delay * (1 << std::min(num_fruitless_ - 1, 10));
    // Compared before it is converted: a server may ask for more milliseconds than there are.
    const auto longest = std::chrono::duration_cast<std::chrono::seconds>(options_.longest_delay);
    if (asked && *asked > longest) return options_.longest_delay;
    return std::min<Milliseconds>(asked ? *asked : own, options_.longest_delay);
  }

  int num_attempts() const { return num_attempts_; }

 private:
  bool drips(uint64_t num_bytes) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    if (seconds < static_cast<double>(options_.stall_limit.count())) return false;
    if (static_cast<double>(num_bytes - mark_) < seconds * static_cast<double>(kSlowest)) return true;
    begin_ = Clock::now();
    mark_ = num_bytes;
    return false;
  }

  const HttpOptions& options_;
  int max_attempts_, num_attempts_ = 0, num_fruitless_ = 0;
  uint64_t furthest_, mark_;
  Clock::time_point begin_ = Clock::now();
};

bool is_busy(long status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

// The address that a redirect led to, which is signed for a while; the hub gives a fresh one.
bool has_run_out(const HttpResponse& response) {
  const long status = response.status;
  return !response.is_direct && status / 100 == 4 && status != 404 && status != 416 && !is_busy(status);
}

}  // namespace

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)) {}

HttpResponse HttpClient::try_patiently(const Url& url, Body* body, bool is_file, int max_attempts,
                                       bool sends_token) const {
  const auto num_bytes = [&] { return body == nullptr ? 0 : body->size(); };
  Patience patience(options_, max_attempts, num_bytes());
  for (;;) {
    Outcome outcome = attempt({.url = url, .body = body, .is_file = is_file, .sends_token = sends_token}, options_);
    const HttpResponse& response = outcome.response;
    if (outcome.failure == Failure::kPermanent) throw Error(fmt::format("[hub] {}: {}", url.shown(), outcome.reason));
    if (outcome.failure == Failure::kUnresolved && !has_answered_) {
      patience.expect_no_network();
      outcome.reason += " (no network, or a wrong name in HF_ENDPOINT or a proxy's variable)";
    }
    if (outcome.failure == Failure::kNone) {
      has_answered_ = true;
      if (!is_busy(response.status) && !has_run_out(response)) return response;
      outcome.reason = fmt::format("status {}{}", response.status, response.is_direct ? "" : " from " + response.url);
    }
    if (!patience.has_more(num_bytes())) {
      throw Error(fmt::format("[hub] {}: {}, after {} attempt{}", url.shown(), outcome.reason, patience.num_attempts(),
                              patience.num_attempts() == 1 ? "" : "s"),
                  has_run_out(response) ? ExitCode::kUserError : ExitCode::kRestart);
    }
    const Milliseconds delay = patience.delay(outcome.asked_delay);
    log_warning(fmt::format("[hub] {}: {}; again in {}", url.shown(), outcome.reason,
                            format_duration(std::chrono::duration<double>(delay).count())));
    std::this_thread::sleep_for(delay);
  }
}

HttpResponse HttpClient::send(const Url& url, Body* body, bool is_file, int max_attempts) {
  const bool sends_token = !options_.token.empty() && !is_token_refused_;
  HttpResponse response = try_patiently(url, body, is_file, max_attempts, sends_token);
  if (response.status != 401 || !response.is_direct || !sends_token) return response;
  const bool is_news = !is_token_refused_.exchange(true);
  const std::string message = response.headers.error_message();
  response = try_patiently(url, body, is_file, max_attempts, false);
  if (is_news && response.status != 401) {
    log_warning(fmt::format("[hub] the token of {} was not accepted (status 401{}); going on without it",
                            options_.token_source, message.empty() ? "" : ": " + message));
  }
  return response;
}

HttpResponse HttpClient::get(const Url& url, Body& body) { return send(url, &body, true, options_.max_attempts); }

HttpResponse HttpClient::get_text(const Url& url, std::string& text, int max_attempts) {
  TextBody body(url, text);
  return send(url, &body, false, max_attempts);
}

HttpResponse HttpClient::head(const Url& url) { return send(url, nullptr, false, options_.max_attempts); }

}  // namespace molmo::hub
