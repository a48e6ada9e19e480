// A hub on 127.0.0.1 with faults to order: what a client of a real one meets on bad days.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace molmo::testing {

/// What happens to a request instead of its answer.
struct Fault {
  int status = 0;          ///< this status, or
  size_t cut_after = 0;    ///< so many bytes of the body and then the end of the connection, or
  std::string wrong_body;  ///< another body of the same length, or
  int delay_ms = 0;        ///< the answer later, or
  std::string headers;     ///< whole lines, beside a status or in the answer
};

struct HubRequest {
  std::string method, path, authorization;
  size_t from = 0;  ///< first byte of its range

  std::string text() const;  ///< "GET /path" and, with a range, " from N"
};

/// Serves one model: its list, its files by /ORG/NAME/resolve/COMMIT/FILE, with ETag (a sha256) and ranges.
class HubServer {
 public:
  static constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

  HubServer(std::string id, std::map<std::string, std::string> files);
  ~HubServer();
  std::string endpoint(const std::string& host = "127.0.0.1") const;
  void stop();  ///< from here on connections are refused

  /// The next GETs of a path's end meet these faults, one each.
  void fail_next(const std::string& path_end, std::vector<Fault> faults);
  /// Requests of a path's end are sent on: 302 with `location`, and more header lines.
  void redirect(const std::string& path_end, const std::string& location, const std::string& headers = "");
  /// Requests below this id are sent on to the model's own by a redirect within the host, as after a renaming.
  void rename_from(std::string old_id) { old_id_ = std::move(old_id); }

  void require_token(std::string token) { token_ = std::move(token); }
  void refuse_every_token() { refuses_tokens_ = true; }
  void refuse_ranges() { has_ranges_ = false; }
  void hide_sizes() { tells_size_ = false; }       ///< bodies end with the connection
  void code_listings() { codes_listing_ = true; }  ///< with gzip, asked for or not
  void set_etag(const std::string& name, std::string etag) { etags_[name] = std::move(etag); }
  void set_listing(std::string body) { listing_ = std::move(body); }

  std::vector<HubRequest> requests();

 private:
  struct Answer {
    int status = 200;
    std::string headers, body;
    bool has_length = true;
  };

  void serve();
  void answer(int connection);
  Answer answer_to(const HubRequest& request) const;
  Answer list() const;
  Answer file(const HubRequest& request, const std::string& name) const;
  Fault take_fault(const HubRequest& request);

  std::string id_, old_id_, token_, listing_;
  std::map<std::string, std::string> files_, etags_;
  std::map<std::string, std::pair<std::string, std::string>> redirects_;
  bool has_ranges_ = true, tells_size_ = true, refuses_tokens_ = false, codes_listing_ = false;
  std::mutex mutex_;
  std::map<std::string, std::vector<Fault>> faults_;
  std::vector<HubRequest> requests_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stops_ = false;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

/// Hashes of a text, as an ETag has them.
std::string sha256_of_text(const std::string& text);
std::string git_hash_of_text(const std::string& text);

}  // namespace molmo::testing
