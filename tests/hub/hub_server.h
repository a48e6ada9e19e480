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
  int status = 0;           ///< this status, or
  size_t cut_after = 0;     ///< so many bytes of the body and then the end of the connection, or
  std::string wrong_body;   ///< another body of the same length, or
  int delay_ms = 0;         ///< the answer later
  std::string retry_after;  ///< header beside `status`
};

/// Serves one model: its list, its files by /ORG/NAME/resolve/COMMIT/FILE, with ETag (a sha256) and ranges.
class HubServer {
 public:
  HubServer(std::string id, std::map<std::string, std::string> files);
  ~HubServer();
  std::string endpoint() const;

  /// The next GETs of `path`'s end meet these faults, one each.
  void fail_next(const std::string& path_end, std::vector<Fault> faults);
  void require_token(std::string token) { token_ = std::move(token); }
  /// Requests below this id are sent on to the model's own by a redirect within the host, as after a renaming.
  void rename_from(std::string old_id) { old_id_ = std::move(old_id); }
  void refuse_ranges() { has_ranges_ = false; }

  std::vector<std::string> requests();  ///< "GET /path" and, with a range, " from N"

 private:
  void serve();
  void answer(int connection);

  std::string id_, old_id_, token_;
  std::map<std::string, std::string> files_;
  bool has_ranges_ = true;
  std::mutex mutex_;
  std::map<std::string, std::vector<Fault>> faults_;
  std::vector<std::string> requests_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stops_ = false;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

}  // namespace molmo::testing
