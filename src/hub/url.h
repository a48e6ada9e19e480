// A URL of http or https, taken apart by libcurl.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace molmo::hub {

class Url {
 public:
  /// Error for what is no URL of http or https.
  explicit Url(const std::string& text);

  /// Where a redirect leads: `location` may be a whole URL, or relative to this one (RFC 3986 §5). Error for one from
  /// https to http.
  Url joined(const std::string& location) const;

  const std::string& text() const { return text_; }
  /// For messages: without a user's name and password, and without a query, which may be a signature.
  std::string shown() const;

  const std::string& host() const { return host_; }
  bool is_https() const { return scheme_ == "https"; }
  /// "localhost", 127.0.0.0/8 or ::1: what is sent there does not leave the machine.
  bool is_loopback() const;
  /// Whether nobody on the way can read what is sent there.
  bool is_private() const { return is_https() || is_loopback(); }
  /// Same scheme, host and port: secrets of one may go to the other.
  bool has_origin_of(const Url& other) const;

 private:
  std::string text_, scheme_, host_, port_, path_;
};

/// A base to which "/..." can be appended: https where no scheme is given, no slash at the end. `where` names the text
/// in errors.
std::string parse_endpoint(std::string_view text, const std::string& where);

/// Percent-encodes all but RFC 3986's unreserved characters and `kept`.
std::string encode_url(std::string_view text, std::string_view kept = "");

}  // namespace molmo::hub
