// Downloads on good days and bad ones.
// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "hub/content_hash.h"
#include "hub/hub_fixture.h"
#include "hub/repo_cache.h"

namespace molmo::hub {
namespace {

namespace fs = std::filesystem;

class Download : public HubTest {};

TEST_F(Download, FillsTheCacheLayoutAndAsksOnce) {
  const fs::path snapshot = fetch();
  EXPECT_EQ(weights_of(snapshot), weights_text());
  EXPECT_EQ(read_text_file(snapshot / "config.json"), "{}");
  EXPECT_FALSE(fs::exists(snapshot / "modeling.py"));  // code and prose stay there
  EXPECT_TRUE(fs::is_symlink(snapshot / "model.safetensors"));
  EXPECT_TRUE(fs::exists(root() / "blobs" / sha256_of_file(snapshot / "model.safetensors")));
  EXPECT_EQ(read_text_file(root() / "refs" / "main"), snapshot.filename().string());
  const auto written = fs::last_write_time(root() / "refs" / "main");
  EXPECT_EQ(fetch(), snapshot);
  EXPECT_EQ(count("GET /org/small-molmo/resolve"), 3u);
  EXPECT_EQ(fs::last_write_time(root() / "refs" / "main"), written);          // others may read it meanwhile
  EXPECT_EQ(std::distance(fs::directory_iterator(root() / "blobs"), {}), 3);  // nothing incomplete
}

TEST_F(Download, BusyAndBrokenServersAreAskedAgain) {
  server_.fail_next("model.safetensors",
                    {{.status = 429, .headers = "Retry-After: 3600\r\n"}, {.status = 503}, {.status = 500}});
  EXPECT_EQ(weights_of(fetch()), weights_text());  // an hour is capped
  EXPECT_EQ(count(std::string("GET /org/small-molmo/") + kFile), 4u);
}

TEST_F(Download, ServersSayWhenToComeBack) {
  options_.http.longest_delay = std::chrono::seconds(30);
  const auto took = [&](const std::string& header) {
    fs::remove_all(root());
    server_.fail_next("model.safetensors", {{.status = 429, .headers = header}});
    const auto start = std::chrono::steady_clock::now();
    fetch();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto date_in = [](int seconds) {
    const std::time_t when = std::time(nullptr) + seconds;
    std::tm utc{};
    ::gmtime_r(&when, &utc);
    char text[64];
    std::strftime(text, sizeof text, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    return std::string(text);
  };
  EXPECT_GE(took("Retry-After: 1\r\n"), 1.0);
  EXPECT_GE(took(date_in(2)), 0.9);  // dates have whole seconds
  EXPECT_GE(took("RateLimit: \"api\";r=0;t=1\r\n"), 1.0);
  EXPECT_LT(took("Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), 0.5);  // is over
}

TEST_F(Download, AttemptsAreBounded) {
  server_.fail_next("model.safetensors", std::vector<Fault>(9, {.status = 500}));
  EXPECT_NE(error().find("status 500, after 4 attempts"), std::string::npos);
  server_.fail_next("model.safetensors", std::vector<Fault>(9, {.status = 500}));
  EXPECT_EQ(exit_code(), ExitCode::kRestart);
}

TEST_F(Download, CutTransfersGoOnWhereTheyWere) {
  server_.fail_next("model.safetensors", {{.cut_after = 70'000}, {.cut_after = 50'123}, {.cut_after = 1}});
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_EQ(count("model.safetensors from 70000"), 1u);
  EXPECT_EQ(count("model.safetensors from 120123"), 1u);
  EXPECT_EQ(count("model.safetensors from 120124"), 1u);
}

TEST_F(Download, AttemptsThatGetOnAreNotCounted) {
  server_.fail_next("model.safetensors", std::vector<Fault>(15, {.cut_after = 10'000}));  // of 4 attempts
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_EQ(count(std::string("GET /org/small-molmo/") + kFile), 16u);
}

TEST_F(Download, ServersThatBeginAnewDoNotGetOn) {
  server_.refuse_ranges();
  server_.fail_next("model.safetensors", {{.cut_after = 20'000},
                                          {.cut_after = 5'000},
                                          {.cut_after = 10'000},
                                          {.cut_after = 15'000},
                                          {.cut_after = 18'000},
                                          {.cut_after = 19'000}});
  EXPECT_NE(error().find("after 4 attempts"), std::string::npos);
}

TEST_F(Download, KilledDownloadsGoOnInTheNextRun) {
  leave_partial(weights_text().substr(0, 120'000));
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_EQ(count("model.safetensors from 120000"), 1u);
}

TEST_F(Download, ServersWithoutRangesStartOver) {
  server_.refuse_ranges();
  server_.fail_next("model.safetensors", {{.cut_after = 70'000}});
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Download, OtherRangesThanAskedForAreNotTaken) {
  server_.set_etag("model.safetensors", "no-hash");  // nothing would notice
  server_.fail_next(
      "model.safetensors",
      {{.cut_after = 70'000}, {.wrong_body = "XXXX", .headers = "Content-Range: bytes 5-199999/200000\r\n"}});
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Download, AnswersThatEndEarlyAreContinued) {
  options_.num_parallel = 1;  // the configuration first
  server_.redirect("config.json", "/org/small-molmo/resolve/0123456789abcdef0123456789abcdef01234567/tokenizer.json",
                   "X-Linked-Size: 4\r\nX-Linked-Etag: \"abc\"\r\n");
  server_.hide_sizes();
  server_.fail_next("tokenizer.json", {{.cut_after = 1}, {.cut_after = 1}});
  EXPECT_NE(error().find("config.json: got 2 bytes, expected 4"), std::string::npos) << error();
  EXPECT_EQ(count("tokenizer.json from 1"), 1u);
}

TEST_F(Download, WrongBytesAreThrownAway) {
  server_.fail_next("model.safetensors", {{.wrong_body = "XXXX"}});
  const std::string text = error();
  EXPECT_NE(text.find("[hub] org/small-molmo/model.safetensors: got 200000 bytes with sha256 "), std::string::npos)
      << text;
  EXPECT_NE(text.find("the download was thrown away"), std::string::npos);
  EXPECT_EQ(weights_of(fetch()), weights_text());  // the next run takes it anew
}

TEST_F(Download, SmallFilesAreComparedWithGitsHash) {
  server_.set_etag("config.json", testing::git_hash_of_text("{}"));
  EXPECT_EQ(testing::git_hash_of_text("{}"), "9e26dfeeb6e641a33dae4961196235bdb965b21b");
  server_.fail_next("config.json", {{.wrong_body = "[]"}});
  EXPECT_NE(error().find("expected hash 9e26dfeeb6e641a33dae4961196235bdb965b21b; the download was thrown away"),
            std::string::npos);
  EXPECT_EQ(read_text_file(fetch() / "config.json"), "{}");
}

TEST_F(Download, WrongPartsOfAnEarlierRunAreFetchedAgain) {
  leave_partial("not the beginning of it");
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Download, PartsWithoutAKnownSizeAreFinished) {
  server_.hide_sizes();
  leave_partial(weights_text());
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_EQ(count(kFile), 2u);  // HEAD, and GET: 416
  fs::remove_all(root());
  leave_partial(weights_text() + "more");
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Download, PartsThatNothingProvesAreFetchedAgain) {
  server_.hide_sizes();
  server_.set_etag("model.safetensors", "no-hash");
  const auto leave = [&](const std::string& bytes) {
    fs::remove_all(root());
    fs::create_directories(root() / "blobs");
    write_file_atomically(root() / "blobs/no-hash.incomplete", bytes);
  };
  leave(weights_text());
  EXPECT_EQ(weights_of(fetch()), weights_text());  // of the length that 416 names
  EXPECT_EQ(count(std::string("GET /org/small-molmo/") + kFile), 1u);
  leave(weights_text() + "more");
  EXPECT_EQ(weights_of(fetch()), weights_text());
  leave("something else");
  server_.fail_next("model.safetensors", {{.status = 416}});  // names none
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Download, LongerAnswersThanAnnouncedEnd) {
  server_.redirect("model.safetensors", "/org/small-molmo/resolve/0123456789abcdef0123456789abcdef01234567/config.json",
                   "X-Linked-Size: 1\r\nX-Linked-Etag: \"abc\"\r\n");
  EXPECT_NE(error().find("got more than the 1 bytes that the hub announced"), std::string::npos) << error();
}

TEST_F(Download, SlowServersGiveUpAfterTheStallLimit) {
  options_.http.stall_limit = std::chrono::seconds(1);
  server_.fail_next("model.safetensors", {{.delay_ms = 2600}});
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_GE(count(std::string("GET /org/small-molmo/") + kFile), 2u);
}

TEST_F(Download, FilesOfOneContentAreOneDownload) {
  HubServer twins("org/twins",
                  {{"a.safetensors", weights_text()}, {"b.safetensors", weights_text()}, {"config.json", "{}"}});
  use(twins);
  const fs::path snapshot = fetch("org/twins");
  EXPECT_EQ(read_text_file(snapshot / "a.safetensors"), weights_text());
  EXPECT_EQ(read_text_file(snapshot / "b.safetensors"), weights_text());
  EXPECT_EQ(count(twins, "GET /org/twins/resolve"), 2u);
}

TEST_F(Download, SeveralProcessesShareOneDownload) {
  server_.fail_next("model.safetensors", {{.delay_ms = 300}});
  std::vector<std::thread> others;
  std::atomic<int> num_good = 0;
  for (int i = 0; i < 4; ++i) {  // each with its own client, as processes have
    others.emplace_back(
        [&] { EXPECT_EQ(error_of([&] { num_good += weights_of(fetch()) == weights_text(); }), "no error"); });
  }
  for (std::thread& other : others) other.join();
  EXPECT_EQ(num_good, 4);
  EXPECT_EQ(count(std::string("GET /org/small-molmo/") + kFile), 1u);
}

TEST_F(Download, DamagedBlobsAreFetchedAgain) {
  fetch();
  const fs::path blob = fs::canonical(snapshot() / "model.safetensors");
  for (const size_t size : {0, 1000}) {  // as a power cut leaves them
    fs::resize_file(blob, size);
    if (size > 0) fs::remove(snapshot() / "model.safetensors");
    EXPECT_EQ(weights_of(fetch()), weights_text());
  }
  fs::remove(blob);  // a link without an end
  EXPECT_EQ(weights_of(fetch()), weights_text());
}

TEST_F(Download, TorchWeightsWhereThereAreNoSafetensors) {
  HubServer old("org/old", {{"config.json", "{}"},
                            {"pytorch_model-00001-of-00002.bin", "1"},
                            {"pytorch_model-00002-of-00002.bin", "2"},
                            {"pytorch_model.bin.index.json", "{}"},
                            {"training_args.bin", "x"}});
  use(old);
  const fs::path snapshot = fetch("org/old");
  EXPECT_EQ(read_text_file(snapshot / "pytorch_model-00002-of-00002.bin"), "2");
  EXPECT_TRUE(fs::exists(snapshot / "pytorch_model.bin.index.json"));
  EXPECT_FALSE(fs::exists(snapshot / "training_args.bin"));
  HubServer both("org/both", {{"config.json", "{}"}, {"model.safetensors", "1"}, {"pytorch_model.bin", "1"}});
  use(both);
  EXPECT_FALSE(fs::exists(fetch("org/both") / "pytorch_model.bin"));
  HubServer none("org/none", {{"config.json", "{}"}, {"model.gguf", "1"}});
  use(none);
  EXPECT_EQ(error("org/none"),
            "[hub] org/none@main: no weights among its 2 files, expected *.safetensors or pytorch_model.bin");
}

// Names and hashes of a hub that means harm.
TEST_F(Download, NothingIsWrittenOutsideTheCache) {
  const fs::path cache = folder_ / "a/b/c/cache";
  options_.cache = cache;
  for (const char* etag : {"../../../../../x", "/tmp/x", "..", "a/b", "x.incomplete", "a\tb"}) {
    server_.set_etag("config.json", etag);
    EXPECT_NE(error().find("expected a hash"), std::string::npos) << etag << ": " << error();
  }
  server_.set_etag("config.json", testing::sha256_of_text("{}"));
  for (const char* name :
       {"../x.json", "/tmp/x.json", "a/../../x.json", "..\\x.json", ".hidden.json", "a/x.json", "\\u0000.json"}) {
    server_.set_listing(std::string(R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [
      {"rfilename": "config.json"}, {"rfilename": "model.safetensors"}, {"rfilename": ")") +
                        (name[0] == '.' && name[2] == '\\' ? "..\\\\x.json" : name) + "\"}]}");
    fetch();
    EXPECT_EQ(
        std::distance(fs::directory_iterator(cache / "models--org--small-molmo/snapshots" / HubServer::kCommit), {}), 2)
        << name;
    fs::remove_all(cache);
  }
  for (const char* commit : {"../../x", "", "0123456789ABCDEF", "abc/def"}) {
    server_.set_listing(std::string(R"({"sha": ")") + commit +
                        R"(", "siblings": [{"rfilename": "model.safetensors"}]})");
    EXPECT_NE(error().find("expected hexadecimal digits"), std::string::npos) << commit;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "a/b/c"), {}), 0);  // no cache either
}

TEST_F(Download, AnotherCommitThanAskedForIsRefused) {
  server_.set_listing(R"({"sha": "abcdef", "siblings": [{"rfilename": "model.safetensors"}]})");
  const std::string id = std::string(kId) + "@" + HubServer::kCommit;
  EXPECT_EQ(error(id), "[hub] " + id + ": the hub answers with commit abcdef, expected the one asked for");
}

TEST_F(Download, AnswersThatAreNoHubs) {
  for (const char* body :
       {"<html>", "[]", "{}", R"({"sha": 1, "siblings": []})", R"({"sha": "ab", "siblings": [{}]})"}) {
    server_.set_listing(body);
    EXPECT_NE(error().find("the answer is not that of a hub"), std::string::npos) << body << ": " << error();
  }
}

TEST_F(Download, AFullDiskIsSaidAndWhatCameIsKept) {
  std::signal(SIGXFSZ, SIG_IGN);  // as the program does
  rlimit whole{};
  ::getrlimit(RLIMIT_FSIZE, &whole);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = whole.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string text = error();
  ::setrlimit(RLIMIT_FSIZE, &whole);
  EXPECT_TRUE(text.starts_with("[hub] cannot write ") && text.ends_with(".incomplete: File too large")) << text;
  EXPECT_EQ(weights_of(fetch()), weights_text());
  EXPECT_EQ(count("model.safetensors from 100000"), 1u);
}

TEST_F(Download, CopiesWhereThereAreNoLinks) {
  const RepoCache cache(folder_.path(), *parse_repo_id(kId));
  ASSERT_EQ(cache.prepare("abc"), "");
  write_file_atomically(cache.blob("e"), "bytes");
  write_file_atomically(cache.snapshot("abc") / "f", "old");
  cache.place("e", cache.snapshot("abc") / "f", /*can_link=*/false);
  EXPECT_FALSE(fs::is_symlink(cache.snapshot("abc") / "f"));
  EXPECT_EQ(read_text_file(cache.snapshot("abc") / "f"), "bytes");
  EXPECT_EQ(std::distance(fs::directory_iterator(cache.snapshot("abc")), {}), 1);
}

}  // namespace
}  // namespace molmo::hub
