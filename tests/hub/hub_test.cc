// The hub client against a server on loopback, on good days and bad ones.
// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/files.h"
#include "hub/find_model.h"
#include "hub/hub_server.h"
#include "hub/sha256.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::hub {
namespace {

using testing::error_of;
using testing::HubServer;

std::string weights() {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += static_cast<char>(i * 7 + i / 251);
  return text;
}

class Hub : public ::testing::Test {
 protected:
  Hub()
      : server_("org/small-molmo", {{"config.json", "{}"},
                                    {"model.safetensors", weights()},
                                    {"tokenizer.json", "[]"},
                                    {"README.md", "#"},
                                    {"modeling.py", "x"}}) {
    options_.endpoint = server_.endpoint();
    options_.cache = folder_.path();
    options_.http.first_delay = std::chrono::milliseconds(5);
    options_.http.longest_delay = std::chrono::milliseconds(40);
    options_.http.max_attempts = 4;
  }

  std::filesystem::path fetch() { return fetch_model("org/small-molmo", options_); }
  std::filesystem::path root() const { return folder_ / "models--org--small-molmo"; }
  size_t count(const std::string& request) {
    const std::vector<std::string> all = server_.requests();
    return static_cast<size_t>(std::count_if(
        all.begin(), all.end(), [&](const std::string& r) { return r.find(request) != std::string::npos; }));
  }

  testing::TemporaryFolder folder_;
  HubServer server_;
  HubOptions options_;
};

TEST_F(Hub, FillsTheCacheLayoutAndAsksOnce) {
  const std::filesystem::path snapshot = fetch();
  EXPECT_EQ(read_text_file(snapshot / "model.safetensors"), weights());
  EXPECT_EQ(read_text_file(snapshot / "config.json"), "{}");
  EXPECT_FALSE(std::filesystem::exists(snapshot / "modeling.py"));  // code and prose stay there
  EXPECT_TRUE(std::filesystem::is_symlink(snapshot / "model.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(root() / "blobs" / sha256_of_file(snapshot / "model.safetensors")));
  EXPECT_EQ(read_text_file(root() / "refs" / "main"), snapshot.filename().string());
  EXPECT_EQ(fetch(), snapshot);
  EXPECT_EQ(count("GET /org/small-molmo/resolve"), 3u);
  options_.is_offline = true;
  EXPECT_EQ(fetch(), snapshot);
}

TEST_F(Hub, BusyAndBrokenServersAreAskedAgain) {
  server_.fail_next("model.safetensors",
                    {{.status = 429, .retry_after = "3600"}, {.status = 503}, {.status = 500}});  // an hour is capped
  EXPECT_EQ(read_text_file(fetch() / "model.safetensors"), weights());
  EXPECT_EQ(count("GET /org/small-molmo/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors"), 4u);
}

TEST_F(Hub, AttemptsAreBounded) {
  server_.fail_next("model.safetensors", std::vector<testing::Fault>(9, {.status = 500}));
  try {
    fetch();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kRestart);
    EXPECT_NE(std::string(error.what()).find("status 500, after 4 attempts"), std::string::npos) << error.what();
  }
}

TEST_F(Hub, CutTransfersGoOnWhereTheyWere) {
  server_.fail_next("model.safetensors", {{.cut_after = 70'000}, {.cut_after = 50'000}});
  EXPECT_EQ(read_text_file(fetch() / "model.safetensors"), weights());
  EXPECT_EQ(count("model.safetensors from 70000"), 1u);
  EXPECT_EQ(count("model.safetensors from 120000"), 1u);
}

TEST_F(Hub, KilledDownloadsGoOnInTheNextRun) {
  server_.fail_next("model.safetensors", std::vector<testing::Fault>(4, {.cut_after = 30'000}));
  EXPECT_NE(error_of([&] { fetch(); }), "no error");
  EXPECT_EQ(read_text_file(fetch() / "model.safetensors"), weights());
  EXPECT_EQ(count("model.safetensors from 120000"), 1u);
}

TEST_F(Hub, ServersWithoutRangesStartOver) {
  server_.refuse_ranges();
  server_.fail_next("model.safetensors", {{.cut_after = 70'000}});
  EXPECT_EQ(read_text_file(fetch() / "model.safetensors"), weights());
}

TEST_F(Hub, WrongBytesAreThrownAway) {
  server_.fail_next("model.safetensors", {{.wrong_body = "XXXX"}});
  const std::string error = error_of([&] { fetch(); });
  EXPECT_NE(error.find("[hub] org/small-molmo/model.safetensors: got 200000 bytes with sha256 "), std::string::npos)
      << error;
  EXPECT_NE(error.find("the download was thrown away"), std::string::npos);
  EXPECT_EQ(read_text_file(fetch() / "model.safetensors"), weights());  // the next run takes it anew
}

TEST_F(Hub, SlowServersGiveUpAfterTheStallLimit) {
  options_.http.stall_limit = std::chrono::seconds(1);
  server_.fail_next("model.safetensors", {{.delay_ms = 2600}});
  EXPECT_EQ(read_text_file(fetch() / "model.safetensors"), weights());
  EXPECT_GE(count("GET /org/small-molmo/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors"), 2u);
}

TEST_F(Hub, RenamedModelsAreFollowed) {
  server_.rename_from("org/old-name");
  const std::filesystem::path snapshot = fetch_model("org/old-name", options_);
  EXPECT_EQ(read_text_file(snapshot / "model.safetensors"), weights());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "models--org--old-name/blobs" /
                                      sha256_of_file(snapshot / "model.safetensors")));
}

TEST_F(Hub, FilesOfOneContentAreOneDownload) {
  HubServer twins("org/twins", {{"a.safetensors", weights()}, {"b.safetensors", weights()}, {"config.json", "{}"}});
  options_.endpoint = twins.endpoint();
  const std::filesystem::path snapshot = fetch_model("org/twins", options_);
  EXPECT_EQ(read_text_file(snapshot / "a.safetensors"), weights());
  EXPECT_EQ(read_text_file(snapshot / "b.safetensors"), weights());
  const std::vector<std::string> requests = twins.requests();
  EXPECT_EQ(std::count_if(requests.begin(), requests.end(),
                          [](const std::string& r) { return r.starts_with("GET") && r.ends_with(".safetensors"); }),
            1);
}

TEST_F(Hub, SeveralProcessesShareOneDownload) {
  server_.fail_next("model.safetensors", {{.delay_ms = 300}});
  std::vector<std::thread> others;
  std::atomic<int> num_good = 0;
  for (int i = 0; i < 4; ++i) {  // each with its own client, as processes have
    others.emplace_back([&] {
      EXPECT_EQ(error_of([&] { num_good += read_text_file(fetch() / "model.safetensors") == weights(); }), "no error");
    });
  }
  for (std::thread& other : others) other.join();
  EXPECT_EQ(num_good, 4);
  EXPECT_EQ(count("GET /org/small-molmo/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors"), 1u);
}

TEST_F(Hub, RightsAndNamesAreExplained) {
  EXPECT_EQ(error_of([&] { fetch_model("org/other", options_); }),
            "[hub] org/other@main: not found (status 404), expected an id of the hub, or a folder that exists");
  server_.require_token("Secret");
  EXPECT_EQ(error_of([&] { fetch(); }),
            "[hub] org/small-molmo@main: no right to it (status 401), expected a token in HF_TOKEN, if it is private "
            "or gated");
  options_.http.token = "Secret";
  EXPECT_EQ(read_text_file(fetch() / "config.json"), "{}");
  options_.is_offline = true;
  options_.cache = folder_ / "elsewhere";
  EXPECT_EQ(error_of([&] { fetch(); }, folder_.path().string()),
            "[hub] org/small-molmo@main: not in the cache elsewhere, and HF_HUB_OFFLINE is set");
}

TEST(HubIds, AreToldFromPaths) {
  for (const char* id : {"allenai/Molmo-7B-D-0924", "a/b@v1.0", "x_1/y.z"}) EXPECT_TRUE(is_hub_id(id)) << id;
  for (const char* path : {"model", "/model/x", "./a/b", "../a", "a/b/c", "a/", "a b/c", "a/b@", "a/.b"})
    EXPECT_FALSE(is_hub_id(path)) << path;
  const testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "run/step000100");
  EXPECT_EQ(find_model(folder / "run"), folder / "run");
  write_file_atomically(folder / "run/latest", "step000100\n");
  EXPECT_EQ(find_model(folder / "run"), folder / "run/step000100");
  EXPECT_EQ(error_of([] { find_model("no-such-folder"); }),
            "[model] no-such-folder: no such folder, and no id of the hub (org/name)");
}

}  // namespace
}  // namespace molmo::hub
