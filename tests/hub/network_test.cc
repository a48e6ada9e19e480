// Redirects, tokens, and what no later attempt can mend.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "formats/step_folders.h"
#include "hub/find_model.h"
#include "hub/hub_fixture.h"

namespace molmo::hub {
namespace {

class Network : public HubTest {
 protected:
  // Authorization headers of a server's requests, the empty ones too.
  static std::vector<std::string> tokens(HubServer& server) {
    std::vector<std::string> all;
    for (const HubRequest& request : server.requests()) all.push_back(request.authorization);
    return all;
  }
  static bool all_are(const std::vector<std::string>& texts, const std::string& text) {
    return !texts.empty() && std::all_of(texts.begin(), texts.end(), [&](const auto& t) { return t == text; });
  }
};

// Another host for the bytes, as the hub's own storage is.
class Storage : public Network {
 protected:
  Storage() : storage_("store/age", {{"blob", weights_text()}}) {
    server_.redirect(
        "model.safetensors", address("localhost"),
        fmt::format("X-Linked-Etag: \"{}\"\r\nX-Linked-Size: 200000\r\n", testing::sha256_of_text(weights_text())));
  }
  std::string address(const std::string& host) const {
    return fmt::format("{}/store/age/resolve/{}/blob?signature=secret", storage_.endpoint(host), HubServer::kCommit);
  }

  HubServer storage_;
};

TEST_F(Storage, GetsTheBytesAndNeverTheToken) {
  server_.require_token("hf_secret");
  options_.http.token = "hf_secret";
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_TRUE(all_are(tokens(server_), "Bearer hf_secret"));
  EXPECT_TRUE(all_are(tokens(storage_), ""));  // another port is another origin
  EXPECT_EQ(count(storage_, "HEAD"), 0u);      // the hub has said what it is
}

TEST_F(Storage, AddressesThatRanOutAreAskedForAgain) {
  storage_.fail_next("blob?signature=secret", {{.cut_after = 90'000}, {.status = 403}, {.status = 401}});
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_EQ(count(std::string("GET /org/small-molmo/") + kFile + " from 90000"), 3u);
}

TEST_F(Storage, RefusalsForGoodAreItsOwn) {
  storage_.fail_next("blob?signature=secret", std::vector<Fault>(9, {.status = 403}));
  const std::string text = error();
  EXPECT_NE(text.find("status 403 from http://localhost:"), std::string::npos) << text;
  EXPECT_EQ(text.find("signature"), std::string::npos);  // secrets stay out of messages
  storage_.fail_next("blob?signature=secret", std::vector<Fault>(9, {.status = 403}));
  EXPECT_EQ(exit_code(), ExitCode::kUserError);
}

TEST_F(Network, RenamedModelsAreFollowed) {
  server_.rename_from("org/old-name");
  const std::filesystem::path snapshot = fetch("org/old-name");
  EXPECT_EQ(weights_of(snapshot), weights_text());
  EXPECT_EQ(snapshot.parent_path().parent_path().filename(), "models--org--old-name");
}

TEST_F(Network, RelativeRedirectsAreFollowed) {
  for (const char* location :
       {"model.safetensors?blob=1", "./model.safetensors?x=/", "?blob=1",
        "/org/small-molmo/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors?b"}) {
    std::filesystem::remove_all(root());
    server_.redirect("model.safetensors", location);
    EXPECT_EQ(weights_of(fetch()), weights_text()) << location;
  }
}

TEST_F(Network, CirclesEnd) {
  server_.redirect("config.json", "config.json");
  EXPECT_NE(error().find("more than 10 redirects"), std::string::npos) << error();
  EXPECT_EQ(exit_code(), ExitCode::kUserError);
}

TEST_F(Network, NamesArePercentEncoded) {
  HubServer odd("org/odd", {{"a b.json", "1"}, {"#%41?&+.json", "2"}, {"é.json", "3"}, {"model.safetensors", "4"}});
  use(odd);
  const std::filesystem::path snapshot = fetch("org/odd");
  EXPECT_EQ(read_text_file(snapshot / "a b.json"), "1");
  EXPECT_EQ(read_text_file(snapshot / "#%41?&+.json"), "2");
  EXPECT_EQ(read_text_file(snapshot / "é.json"), "3");
  EXPECT_EQ(count(odd, "GET /org/odd/resolve/0123456789abcdef0123456789abcdef01234567/a%20b.json"), 1u);
}

TEST_F(Network, RequestsForMergeAreRevisions) {
  const std::filesystem::path snapshot = fetch("org/small-molmo@refs/pr/3");
  EXPECT_EQ(count("GET /api/models/org/small-molmo/revision/refs%2Fpr%2F3"), 1u);
  EXPECT_EQ(read_text_file(root() / "refs/refs/pr/3"), snapshot.filename().string());
}

TEST_F(Network, CodedListingsAreDecoded) {
  server_.code_listings();
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Network, ACutListingIsAskedForAgain) {
  server_.fail_next("revision/main", {{.cut_after = 40}});
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Network, RightsAndNamesAreExplained) {
  EXPECT_EQ(error("org/other"),
            "[hub] org/other@main: not found (status 404), expected an id of the hub, or a folder that exists");
  server_.require_token("Secret");
  EXPECT_EQ(error(),
            "[hub] org/small-molmo@main: no access (status 401), expected an id of the hub, or a token in "
            "HF_TOKEN if it is private or gated");
  EXPECT_EQ(count("small-molmo"), 1u);  // asked once
  options_.http.token = "Secret";
  EXPECT_EQ(read_text_file(fetch() / "config.json"), "{}");
}

TEST_F(Network, ATokenThatIsNotAcceptedIsSaidToBe) {
  server_.require_token("Secret");
  options_.http.token = "Expired";
  EXPECT_EQ(error(),
            "[hub] org/small-molmo@main: the token of HF_TOKEN was not accepted (status 401), expected one that "
            "has not expired");
}

TEST_F(Network, PublicModelsNeedNoToken) {
  server_.refuse_every_token();
  options_.http.token = "Expired";
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(weights_of(fetch()), weights_text());
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(
      log.find("the token of HF_TOKEN was not accepted (status 401: Invalid credentials in Authorization header); "
               "going on without it"),
      std::string::npos)
      << log;
  const std::vector<std::string> sent = tokens(server_);
  EXPECT_EQ(std::count(sent.begin(), sent.end(), "Bearer Expired"), 1);
}

TEST_F(Network, TokensStayOffPlainHttp) {
  options_.http.token = "Secret";
  options_.endpoint = "http://mirror.example:8080";
  EXPECT_EQ(error(),
            "[hub] the token of HF_TOKEN would go over plain http to http://mirror.example:8080, expected https "
            "in HF_ENDPOINT (or no token: HF_HUB_DISABLE_IMPLICIT_TOKEN=1)");
}

TEST_F(Network, WhatNoAttemptCanMendIsNotTriedAgain) {
  options_.endpoint = server_.endpoint();
  options_.endpoint.replace(0, 4, "https");  // of a server without TLS
  options_.http.first_delay = std::chrono::seconds(30);
  EXPECT_NE(error().find("SSL routines"), std::string::npos) << error();
  EXPECT_EQ(exit_code(), ExitCode::kUserError);
  use(server_);
  server_.redirect("revision/main", "ftp://127.0.0.1/x");
  EXPECT_EQ(error(), "[hub] ftp://127.0.0.1:21/x: got scheme 'ftp', expected https");
}

TEST_F(Network, AnswersAreBounded) {
  server_.set_listing(std::string(33 << 20, ' '));
  EXPECT_NE(error().find("an answer of more than 32.0 MiB, expected less"), std::string::npos) << error();
}

TEST_F(Network, AServerThatDripsIsOneThatStalls) {
  options_.http.stall_limit = std::chrono::seconds(1);
  server_.fail_next("model.safetensors", std::vector<Fault>(5000, {.cut_after = 1}));
  EXPECT_NE(error().find("remaining to read, after "), std::string::npos);
}

TEST_F(Network, UnreachableHubsAreWorthAnotherTry) {
  server_.stop();
  EXPECT_NE(error().find("after 4 attempts"), std::string::npos) << error();
  EXPECT_EQ(exit_code(), ExitCode::kRestart);
}

// Names below .invalid have no address anywhere.
TEST_F(Network, AHostWithoutAnAddressIsTriedTwice) {
  options_.endpoint = "http://hub.invalid";
  options_.http.max_attempts = 6;
  EXPECT_EQ(error(),
            "[hub] http://hub.invalid/api/models/org/small-molmo/revision/main: Could not resolve host: "
            "hub.invalid (no network, or a wrong name in HF_ENDPOINT or a proxy's variable), after 2 attempts");
  EXPECT_EQ(exit_code(), ExitCode::kRestart);
}

// A hub that has answered was there: its storage's name may come back during the seconds of the usual attempts.
TEST_F(Network, ANameThatIsLostAfterAnAnswerIsTriedPatiently) {
  server_.redirect("model.safetensors", "http://storage.invalid/blob");
  EXPECT_NE(error().find("Could not resolve host: storage.invalid, after 4 attempts"), std::string::npos) << error();
}

TEST_F(Network, AProxyCarriesOnlyWhatLeavesTheMachine) {
  HubServer proxy("org/none", {});
  ::setenv("HTTP_PROXY", proxy.endpoint().c_str(), 1);
  EXPECT_EQ(weights_of(fetch()), weights_text());  // loopback
  EXPECT_TRUE(proxy.requests().empty());
  options_.endpoint = "http://hub.example";
  EXPECT_NE(error("org/other").find("not found"), std::string::npos) << error("org/other");
  ::unsetenv("HTTP_PROXY");
  EXPECT_EQ(count(proxy, "GET http://hub.example/api/models/org/other/revision/main"), 1u);
}

TEST(HubIds, AreToldFromPaths) {
  for (const char* id : {"allenai/Molmo-7B-D-0924", "a/b@v1.0", "x_1/y.z", "a/b@refs/pr/12", "a/b@feature/x"})
    EXPECT_TRUE(parse_repo_id(id)) << id;
  for (const char* path : {"model", "/model/x", "./a/b", "../a", "a/b/c", "a/", "a b/c", "a/b@", "a/.b", "a--b/c",
                           "a/b@../x", "a/b@x/../y", "a/b@/x", "a/b@x/", "a/b@.x", "a/b@x y", "a/b..c", "a/b@x\\y"})
    EXPECT_FALSE(parse_repo_id(path)) << path;
  EXPECT_TRUE(parse_repo_id("a/b@0123456789abcdef0123456789abcdef01234567")->is_commit());
  EXPECT_FALSE(parse_repo_id("a/b@0123456789abcdef")->is_commit());
  const testing::TemporaryFolder folder;
  const std::filesystem::path run = folder / "run";
  for (const int64_t step : {100, 200}) {
    write_file_atomically(formats::begin_step_folder(run, step) / "molmo.json", "{}");
    formats::complete_step_folder(run, step, {}, 2);
  }
  EXPECT_EQ(find_model(run), run / "step000200");
  std::filesystem::resize_file(run / "step000200/molmo.json", 0);
  EXPECT_EQ(find_model(run), run / "step000100");
  EXPECT_EQ(find_model(run / "step000100"), run / "step000100");
  EXPECT_NE(error_of([&] { find_model(run / "step000200"); }).find("step000200: incomplete: molmo.json has 0 bytes"),
            std::string::npos);
  std::filesystem::remove(run / "step000100/manifest.json");
  EXPECT_NE(error_of([&] { find_model(run); }).find("a run without a complete step"), std::string::npos);
  EXPECT_EQ(error_of([] { find_model("no-such-folder"); }),
            "[model] no-such-folder: not a folder, and not a Hugging Face model id (org/name or org/name@revision)");
}

}  // namespace
}  // namespace molmo::hub
