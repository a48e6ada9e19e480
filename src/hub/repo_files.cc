// SPDX-License-Identifier: Apache-2.0
#include "hub/repo_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace molmo::hub {
namespace {

constexpr long kOk = 200, kPartial = 206, kUnauthorized = 401, kForbidden = 403, kNotFound = 404, kNoSuchRange = 416;
constexpr size_t kLongestEtag = 128;

// A blob is named by it: no dots, no slashes.
bool is_blob_name(const std::string& etag) {
  return !etag.empty() && etag.size() <= kLongestEtag && std::all_of(etag.begin(), etag.end(), [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c)) || c == '-' || c == '_';
  });
}

}  // namespace

Listing parse_listing(std::string_view body, const std::string& where) {
  Listing listing;
  try {
    const Json info = parse_json(body, where);
    listing.commit = info.at("sha").get<std::string>();
    for (const Json& file : info.at("siblings")) listing.names.push_back(file.at("rfilename").get<std::string>());
  } catch (const std::exception&) {  // of our JSON reader or of the JSON library
    throw Error(fmt::format("[hub] {}: the answer is not that of a hub, expected its list of files", where));
  }
  constexpr size_t kMostDigits = 64;
  if (!is_hash(listing.commit) || listing.commit.size() > kMostDigits)
    throw Error(fmt::format("[hub] {}: got commit '{:.60}', expected hexadecimal digits", where, listing.commit));
  return listing;
}

RepoFile parse_file_headers(const HttpResponse& response, const std::string& where) {
  RepoFile file;
  const HttpHeaders& headers = response.headers;
  file.etag = headers.get(headers.has("x-linked-etag") ? "x-linked-etag" : "etag");
  if (file.etag.starts_with("W/")) file.etag.erase(0, 2);
  std::erase(file.etag, '"');
  if (!is_blob_name(file.etag))
    throw Error(fmt::format("[hub] {}: got ETag '{:.80}', expected a hash", where, file.etag));
  // A redirect's own length is that of its notice, and a coded answer's that of the code.
  const bool is_length = response.status == kOk && !headers.has("content-encoding");
  file.size = headers.number("x-linked-size").value_or(is_length ? headers.number("content-length").value_or(0) : 0);
  return file;
}

Listing RepoFiles::list(int max_attempts) {
  const Url url(fmt::format("{}/api/models/{}/revision/{}", options_.endpoint, encode_url(id_.name, "/"),
                            encode_url(id_.revision)));
  std::string body;
  const HttpResponse response = client_.get_text(url, body, max_attempts);
  if (response.status != kOk) fail(id_.text(), response);
  return parse_listing(body, fmt::format("{} at {}", id_.text(), url.shown()));
}

RepoFile RepoFiles::describe(const std::string& commit, const std::string& name) {
  const Url url(
      fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, encode_url(id_.name, "/"), commit, encode_url(name)));
  const std::string where = id_.name + "/" + name;
  const HttpResponse response = client_.head(url);
  if (response.status != kOk && response.status / 100 != 3) fail(where, response);
  RepoFile file = parse_file_headers(response, where);
  file.names = {name};
  file.where = where;
  file.url = url.text();
  return file;
}

HttpResponse RepoFiles::get(const RepoFile& file, Body& body) {
  HttpResponse response = client_.get(Url(file.url), body);
  if (response.status != kOk && response.status != kPartial && response.status != kNoSuchRange)
    fail(file.where, response);
  return response;
}

void RepoFiles::fail(const std::string& what, const HttpResponse& response) const {
  const std::string& source = options_.http.token_source;
  const std::string said = response.headers.error_message();
  const std::string status =
      fmt::format("status {}{}{}", response.status, response.is_direct ? "" : " of " + response.url,
                  said.empty() ? "" : ": " + said);
  const std::string refused =
      client_.is_token_refused() ? fmt::format("; the token of {} was not accepted", source) : "";
  if (response.status == kNotFound)
    throw NotFound(fmt::format("[hub] {}: not found ({}), expected an id of the hub, or a folder that exists{}", what,
                               status, refused));
  if (response.status != kUnauthorized && response.status != kForbidden)
    throw Error(fmt::format("[hub] {}: got {}, expected 200{}", what, status, refused));
  if (client_.is_token_refused())
    throw Error(fmt::format("[hub] {}: the token of {} was not accepted ({}), expected one that has not expired", what,
                            source, status));
  throw Error(fmt::format("[hub] {}: no access ({}), expected {}", what, status,
                          options_.http.token.empty()
                              ? "an id of the hub, or a token in HF_TOKEN if it is private or gated"
                              : "a token that was granted access on its page"));
}

}  // namespace molmo::hub
