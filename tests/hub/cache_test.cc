// What the cache alone can give: without a network, without rights, or in halves.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "hub/hub_fixture.h"
#include "hub/snapshot.h"

namespace molmo::hub {
namespace {

namespace fs = std::filesystem;

class Cache : public HubTest {
 protected:
  // Fetches, and returns what was logged.
  std::string log_of(const fs::path& expected, const std::string& id = kId) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(error_of([&] { EXPECT_EQ(fetch(id), expected); }), "no error");
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(Cache, OfflineNothingIsAsked) {
  options_.offline_by = "HF_HUB_OFFLINE";
  EXPECT_EQ(error(), "[hub] org/small-molmo@main: not in the cache " + folder_.path().string() +
                         ", and HF_HUB_OFFLINE is set: offline, nothing is downloaded");
  options_.offline_by = "";
  fetch();
  const size_t num_requests = server_.requests().size();
  options_.offline_by = "TRANSFORMERS_OFFLINE";
  EXPECT_EQ(fetch(), snapshot());
  fs::remove(snapshot() / "model.safetensors");
  EXPECT_EQ(error(), "[hub] org/small-molmo@main: incomplete in the cache " + folder_.path().string() +
                         " (it lacks weights (model.safetensors or model.safetensors.index.json)), and "
                         "TRANSFORMERS_OFFLINE is set: offline, nothing is downloaded");
  EXPECT_EQ(server_.requests().size(), num_requests);
}

TEST_F(Cache, ACommitThatIsThereNeedsNoRequest) {
  const std::string id = std::string(kId) + "@" + HubServer::kCommit;
  fetch(id);
  EXPECT_FALSE(fs::exists(root() / "refs"));
  server_.stop();
  EXPECT_EQ(log_of(snapshot(), id), "");
}

TEST_F(Cache, WithoutANetworkTheCacheIsTakenAtOnce) {
  fetch();
  server_.stop();
  options_.http.first_delay = std::chrono::seconds(30);  // no second attempt
  const std::string log = log_of(snapshot());
  EXPECT_NE(log.find("after 1 attempt; going on with what the cache has"), std::string::npos) << log;
  fs::remove(snapshot() / "config.json");
  options_.http.first_delay = std::chrono::milliseconds(1);
  EXPECT_EQ(exit_code(), ExitCode::kRestart);  // incomplete: nothing to go on with
}

TEST_F(Cache, AHubThatCannotAnswerIsNoReasonToStop) {
  fetch();
  for (const Fault& fault : {Fault{.status = 503}, Fault{.status = 429}, Fault{.status = 401}, Fault{.status = 403}}) {
    server_.fail_next("revision/main", {fault});
    EXPECT_NE(log_of(snapshot()).find("going on with what the cache has"), std::string::npos) << fault.status;
  }
  server_.fail_next("revision/main", {{.status = 404}});
  EXPECT_NE(error().find("not found (status 404)"), std::string::npos);  // an answer
}

// A file stands where the folder of the locks would be made: that keeps root out too.
TEST_F(Cache, MayBeReadOnly) {
  fetch();
  fs::remove_all(folder_ / ".locks");
  write_file_atomically(folder_ / ".locks", "");
  fs::remove(root() / "refs/main");
  EXPECT_EQ(log_of(snapshot()), "");  // complete: there is nothing to write but the ref
  fs::remove(snapshot() / "tokenizer.json");
  EXPECT_NE(log_of(snapshot()).find("going on without tokenizer.json"), std::string::npos);
  fs::remove(snapshot() / "model.safetensors");
  const std::string text = error();
  EXPECT_NE(text.find("the cache lacks 2 of its files and cannot be written: .locks/models--org--small-molmo: "),
            std::string::npos)
      << text;
}

TEST_F(Cache, ReadOnlyWithAnOlderCommit) {
  fetch();
  fs::rename(snapshot(), root() / "snapshots/abcd");
  write_file_atomically(root() / "refs/main", "abcd");
  fs::remove_all(folder_ / ".locks");
  write_file_atomically(folder_ / ".locks", "");
  const std::string log = log_of(root() / "snapshots/abcd");
  EXPECT_NE(log.find("going on with abcd, while the hub has 0123456789abcdef"), std::string::npos) << log;
}

TEST_F(Cache, ARefThatLeadsElsewhereIsNone) {
  fetch();
  fs::rename(snapshot(), folder_ / "elsewhere");
  write_file_atomically(root() / "refs/main", "../../elsewhere");
  options_.offline_by = "HF_HUB_OFFLINE";
  EXPECT_NE(error().find("not in the cache"), std::string::npos) << error();
}

TEST(ChooseFiles, WeightsComeLast) {
  EXPECT_EQ(
      choose_files({"model-2.safetensors", "a.json", "model-1.safetensors", "z.model", "x.bin", "merges.txt"}),
      (std::vector<std::string>{"a.json", "merges.txt", "z.model", "model-1.safetensors", "model-2.safetensors"}));
}

class Snapshot : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& text = "x") { write_file_atomically(folder_ / name, text); }
  std::string missing() { return missing_part(folder_.path()); }

  testing::TemporaryFolder folder_;
};

TEST_F(Snapshot, OneFileOfWeights) {
  EXPECT_EQ(missing(), "config.json");
  put("config.json");
  EXPECT_EQ(missing(), "weights (model.safetensors or model.safetensors.index.json)");
  put("model.safetensors", "");
  EXPECT_NE(missing(), "");  // empty
  put("model.safetensors");
  EXPECT_EQ(missing(), "");
}

TEST_F(Snapshot, ShardsOfAnIndex) {
  put("molmo.json");
  put("model.safetensors.index.json", R"({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})");
  put("model-1.safetensors");
  EXPECT_EQ(missing(), "model-2.safetensors, which model.safetensors.index.json names");
  put("model-2.safetensors");
  EXPECT_EQ(missing(), "");
  put("model.safetensors.index.json", "{");
  EXPECT_EQ(missing(), "a readable model.safetensors.index.json");
}

TEST_F(Snapshot, ShardsWithoutAnIndex) {
  put("config.json");
  put("model-00001-of-00003.safetensors"), put("model-00002-of-00003.safetensors");
  EXPECT_EQ(missing(), "1 of 3 shards");
  put("model-00003-of-00003.safetensors");
  EXPECT_EQ(missing(), "");
}

TEST_F(Snapshot, TorchWeights) {
  put("config.json");
  put("pytorch_model.bin.index.json", R"({"weight_map": {"a": "pytorch_model-1.bin"}})");
  EXPECT_NE(missing(), "");
  put("pytorch_model-1.bin");
  EXPECT_EQ(missing(), "");
}

}  // namespace
}  // namespace molmo::hub
