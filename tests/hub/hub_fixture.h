// A model on a server of its own, and an empty cache.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "hub/hub.h"
#include "support/error_of.h"
#include "support/hub_server.h"
#include "support/paths.h"

namespace molmo::hub {

using testing::error_of;
using testing::Fault;
using testing::HubRequest;
using testing::HubServer;

inline std::string weights_text() {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += static_cast<char>(i * 7 + i / 251);
  return text;
}

class HubTest : public ::testing::Test {
 protected:
  static constexpr const char* kId = "org/small-molmo";
  static constexpr const char* kFile = "resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors";

  HubTest()
      : server_(kId, {{"config.json", "{}"},
                      {"model.safetensors", weights_text()},
                      {"tokenizer.json", "[]"},
                      {"README.md", "#"},
                      {"modeling.py", "x"}}) {
    options_.cache = folder_.path();
    use(server_);
    options_.http.token_source = "HF_TOKEN";
    options_.http.first_delay = std::chrono::milliseconds(5);
    options_.http.longest_delay = std::chrono::milliseconds(40);
    options_.http.max_attempts = 4;
  }

  void use(HubServer& server) { options_.endpoint = server.endpoint(); }

  std::filesystem::path fetch(const std::string& id = kId) { return fetch_model(*parse_repo_id(id), options_); }
  std::string error(const std::string& id = kId) {
    return error_of([&] { fetch(id); }, folder_.path().string());
  }
  ExitCode exit_code() {
    try {
      fetch();
    } catch (const Error& error) {
      return error.code();
    }
    return ExitCode::kDone;
  }

  std::filesystem::path root() const { return folder_ / "models--org--small-molmo"; }
  std::filesystem::path snapshot() const { return root() / "snapshots" / HubServer::kCommit; }
  static std::string weights_of(const std::filesystem::path& snapshot) {
    return read_text_file(snapshot / "model.safetensors");
  }
  // What an earlier run has left of the weights.
  void leave_partial(const std::string& bytes) const {
    std::filesystem::create_directories(root() / "blobs");
    write_file_atomically(root() / "blobs" / (testing::sha256_of_text(weights_text()) + ".incomplete"), bytes);
  }

  static size_t count(HubServer& server, const std::string& what) {
    const std::vector<HubRequest> all = server.requests();
    return static_cast<size_t>(std::count_if(
        all.begin(), all.end(), [&](const HubRequest& r) { return r.text().find(what) != std::string::npos; }));
  }
  size_t count(const std::string& what) { return count(server_, what); }

  testing::TemporaryFolder folder_;
  HubServer server_;
  HubOptions options_;
};

}  // namespace molmo::hub
