// SPDX-License-Identifier: Apache-2.0
#include "hub/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>

#include <cctype>
#include <memory>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::hub {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
}

// A later text is relative to an earlier one. "" where it is no URL at all.
std::string parse(CURLU* url, const std::string& text) {
  constexpr unsigned kFlags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE;
  return curl_url_set(url, CURLUPART_URL, text.c_str(), kFlags) == CURLUE_OK ? part_of(url, CURLUPART_URL) : "";
}

}  // namespace

Url::Url(const std::string& text) {
  const Handle url(curl_url(), curl_url_cleanup);
  // A NUL would end the text early for libcurl.
  text_ = text.find('\0') == std::string::npos ? parse(url.get(), text) : "";
  if (text_.empty()) throw Error(fmt::format("[hub] got '{:.200}', expected a URL", text));
  scheme_ = part_of(url.get(), CURLUPART_SCHEME);
  host_ = lower_ascii(part_of(url.get(), CURLUPART_HOST));
  port_ = part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  path_ = part_of(url.get(), CURLUPART_PATH);
  if (scheme_ != "https" && scheme_ != "http")
    throw Error(fmt::format("[hub] {:.200}: got scheme '{:.20}', expected https", shown(), scheme_));
  if (host_.empty()) throw Error(fmt::format("[hub] got '{:.200}', expected a URL with a host", text));
}

Url Url::joined(const std::string& location) const {
  const Handle url(curl_url(), curl_url_cleanup);
  if (location.empty() || location.find('\0') != std::string::npos || parse(url.get(), text_).empty())
    throw Error(fmt::format("[hub] {}: a redirect to nowhere", shown()));
  const std::string target = parse(url.get(), location);
  if (target.empty()) throw Error(fmt::format("[hub] {}: a redirect to '{:.200}', expected a URL", shown(), location));
  Url next(target);
  if (is_https() && !next.is_https())
    throw Error(fmt::format("[hub] {}: a redirect to {}, expected https", shown(), next.shown()));
  return next;
}

std::string Url::shown() const {
  const bool is_usual_port = port_.empty() || port_ == (is_https() ? "443" : "80");
  return fmt::format("{}://{}{}{}", scheme_, host_, is_usual_port ? "" : ":" + port_, path_ == "/" ? "" : path_);
}

bool Url::is_loopback() const {
  if (host_ == "localhost" || host_ == "[::1]") return true;
  in_addr address{};
  return ::inet_pton(AF_INET, host_.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool Url::has_origin_of(const Url& other) const {
  return scheme_ == other.scheme_ && host_ == other.host_ && port_ == other.port_;
}

std::string parse_endpoint(std::string_view text, const std::string& where) {
  std::string endpoint(trim_text(text));
  if (endpoint.find("://") == std::string::npos) endpoint.insert(0, "https://");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  try {
    const Url url(endpoint);
    if (endpoint.find_first_of("?#") != std::string::npos)
      throw Error(fmt::format("[hub] {}: got a query, expected host and path only", url.shown()));
  } catch (const Error& error) {
    throw Error(fmt::format("{} (of {})", error.what(), where));
  }
  return endpoint;
}

std::string encode_url(std::string_view text, std::string_view kept) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = byte < 0x80 && (std::isalnum(byte) || std::string_view("-._~").find(c) != std::string::npos);
    if (is_plain || kept.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

}  // namespace molmo::hub
