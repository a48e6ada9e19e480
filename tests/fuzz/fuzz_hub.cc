// libFuzzer entry: whatever a hub answers, no name leaves the folder that it is put into, no redirect leaves https, and
// a number is one. The first byte says what the rest is.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <string>

#include "base/strings.h"
#include "hub/repo_files.h"
#include "hub/repo_id.h"
#include "hub/snapshot.h"
#include "hub/url.h"

namespace {

using namespace molmo;

void expect(bool is_good) {
  if (!is_good) std::abort();
}

void expect_plain(const std::string& name) {
  expect(!name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string("/\\\0", 3)) == std::string::npos);
}

void read_listing(const std::string& body) {
  const hub::Listing listing = hub::parse_listing(body, "fuzz");
  expect_plain(listing.commit);
  for (const std::string& name : hub::choose_files(listing.names)) expect_plain(name);
}

void read_headers(const std::string& text) {
  hub::HttpResponse response{.status = 200, .headers = {}, .url = {}};
  for (const std::string& line : split_text(text, '\n')) {
    if (!response.headers.add_line(line)) break;
  }
  response.headers.range_begin();
  response.headers.range_total();
  response.headers.rate_limit_reset();
  for (const char c : response.headers.error_message()) expect(c >= ' ' && c <= '~');
  const hub::Url base("https://hub.example/org/name/resolve/main/file");
  if (response.headers.has("location")) {
    const hub::Url next = base.joined(response.headers.get("location"));
    expect(next.text().starts_with("https://"));
    expect(!next.host().empty() && !next.shown().empty());
    expect(next.has_origin_of(base) == base.has_origin_of(next));
  }
  expect_plain(hub::parse_file_headers(response, "fuzz").etag);
}

void read_words(const std::string& text) {
  expect(hub::encode_url(text).find_first_of("/?#& \r\n") == std::string::npos);
  if (const auto id = hub::parse_repo_id(text)) {
    for (const std::string& part : split_text(id->revision, '/')) expect_plain(part);
    expect(split_text(id->name, '/').size() == 2);
  }
  hub::parse_endpoint(text, "fuzz");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 3) {
      case 0:
        read_headers(rest);
        break;
      case 1:
        read_words(rest);
        break;
      default:
        read_listing(rest);
    }
  } catch (const Error&) {
  }
  return 0;
}
