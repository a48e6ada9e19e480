// What the hub says about a model: its commit, the names of its files, and each file's hash and size.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hub/http.h"
#include "hub/options.h"
#include "hub/repo_id.h"
#include "molmo/error.h"

namespace molmo::hub {

/// The hub has no such model, revision or file.
struct NotFound : Error {
  using Error::Error;
};

struct Listing {
  std::string commit;
  std::vector<std::string> names;  ///< as they come: unchecked (choose_files)
};

struct RepoFile {
  std::vector<std::string> names;  ///< in the snapshot: those of one content share a blob
  std::string where;               ///< "org/name/file", for messages
  std::string url;
  std::string etag;   ///< a file name: the blob's
  uint64_t size = 0;  ///< 0: unknown
};

/// Reads the answer of /api/models/...; `where` names the model in errors.
Listing parse_listing(std::string_view body, const std::string& where);

/// Reads what the headers of a file say of it: `etag` and `size`. Error for an ETag that is no name for a blob.
RepoFile parse_file_headers(const HttpResponse& response, const std::string& where);

/// The part of the hub that knows one model.
class RepoFiles {
 public:
  RepoFiles(const RepoId& id, const HubOptions& options) : id_(id), options_(options), client_(options.http) {}

  /// `max_attempts`: fewer where an answer can be done without.
  Listing list(int max_attempts);

  RepoFile describe(const std::string& commit, const std::string& name);

  /// The bytes of a file after those that `body` has. Returns the status: 200, 206, or 416 where there are no more.
  HttpResponse get(const RepoFile& file, Body& body);

 private:
  [[noreturn]] void fail(const std::string& what, const HttpResponse& response) const;

  const RepoId& id_;
  const HubOptions& options_;
  HttpClient client_;
};

}  // namespace molmo::hub
