// What the environment says.
// SPDX-License-Identifier: Apache-2.0
#include "hub/options.h"

#include <gtest/gtest.h>

#include <map>

#include "base/files.h"
#include "hub/progress.h"
#include "hub/url.h"
#include "support/error_of.h"
#include "support/paths.h"

namespace molmo::hub {
namespace {

using testing::error_of;

HubOptions options_of(std::map<std::string, std::string> variables) {
  variables.emplace("HOME", "/home/me");
  return hub_options([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string cache_of(const std::map<std::string, std::string>& variables) { return options_of(variables).cache; }

TEST(HubOptions, TheCache) {
  EXPECT_EQ(cache_of({}), "/home/me/.cache/huggingface/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", ""}, {"HF_HUB_CACHE", ""}}), "/home/me/.cache/huggingface/hub");
  EXPECT_EQ(cache_of({{"XDG_CACHE_HOME", "/x"}}), "/x/huggingface/hub");
  EXPECT_EQ(cache_of({{"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "~/hf"}}), "/home/me/hf/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "~"}}), "/home/me/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "~nobody-here/x"}}), "~nobody-here/x/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "$SCRATCH/${NAME}/$NONE-$"}, {"SCRATCH", "/s"}, {"NAME", "n"}}), "/s/n/$NONE-$/hub");
  EXPECT_EQ(cache_of({{"HF_HOME", "/a"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}), "/old");
  EXPECT_EQ(cache_of({{"HF_HUB_CACHE", "~/c"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}), "/home/me/c");
}

TEST(HubOptions, OfflineWords) {
  for (const char* word : {"1", "ON", "yes", "True", " true "}) {
    EXPECT_EQ(options_of({{"HF_HUB_OFFLINE", word}}).offline_by, "HF_HUB_OFFLINE") << word;
    EXPECT_EQ(options_of({{"TRANSFORMERS_OFFLINE", word}}).offline_by, "TRANSFORMERS_OFFLINE") << word;
  }
  for (const char* word : {"", "0", "false", "No", "off", "2"})
    EXPECT_EQ(options_of({{"HF_HUB_OFFLINE", word}}).offline_by, "") << word;
  EXPECT_EQ(options_of({{"HF_HUB_OFFLINE", "0"}, {"TRANSFORMERS_OFFLINE", "1"}}).offline_by, "");
  EXPECT_EQ(options_of({{"HF_HUB_OFFLINE", "1"}, {"HF_ENDPOINT", "ftp://x"}}).offline_by, "HF_HUB_OFFLINE");
}

TEST(HubOptions, Endpoints) {
  const auto endpoint = [](const char* text) { return options_of({{"HF_ENDPOINT", text}}).endpoint; };
  EXPECT_EQ(endpoint(""), "https://huggingface.co");
  EXPECT_EQ(endpoint(" https://mirror.example/hf//\n"), "https://mirror.example/hf");
  EXPECT_EQ(endpoint("mirror.example:8080"), "https://mirror.example:8080");  // never guessed to be http
  EXPECT_EQ(endpoint("http://[::1]:80"), "http://[::1]:80");
  for (const char* text : {"ftp://x", "https://", "http://a b", "file:///etc/passwd", "https://x/?q=1"})
    EXPECT_NE(error_of([&] { endpoint(text); }).find("(of HF_ENDPOINT)"), std::string::npos)
        << text << ": " << error_of([&] { endpoint(text); });
}

TEST(HubOptions, Tokens) {
  const auto token = [](const std::string& text) { return options_of({{"HF_TOKEN", text}}).http.token; };
  for (const char* text : {"hf_x", "hf_x\n", "hf_x\r\n", " \thf_x "}) EXPECT_EQ(token(text), "hf_x");
  for (const char* text : {"", "  ", "\n"}) EXPECT_EQ(token(text), "");
  EXPECT_EQ(error_of([&] { token("hf_x\r\nHost: y"); }),
            "[hub] HF_TOKEN: got a token with byte 0x0d at place 5, expected visible ASCII characters");
  for (const char* text : {"a b", "a\tb", "a\x7f", "a\xc3\xa9"})
    EXPECT_NE(error_of([&] { token(text); }), "no error") << text;
  EXPECT_EQ(options_of({{"HUGGING_FACE_HUB_TOKEN", "old"}}).http.token, "old");
  EXPECT_EQ(options_of({{"HF_TOKEN", "new"}, {"HUGGING_FACE_HUB_TOKEN", "old"}}).http.token, "new");
  EXPECT_EQ(options_of({{"HF_TOKEN", "x"}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}}).http.token, "");
}

TEST(HubOptions, TokenFiles) {
  const testing::TemporaryFolder folder;
  const std::string home = folder.path();
  EXPECT_EQ(options_of({{"HF_HOME", home}}).http.token, "");
  write_file_atomically(folder / "token", "hf_file\r\n");
  write_file_atomically(folder / "other", "hf_other\n");
  EXPECT_EQ(options_of({{"HF_HOME", home}}).http.token, "hf_file");
  EXPECT_EQ(options_of({{"HF_HOME", home}}).http.token_source, home + "/token");
  EXPECT_EQ(options_of({{"HF_HOME", home}, {"HF_TOKEN", " "}}).http.token, "hf_file");
  EXPECT_EQ(options_of({{"HF_HOME", home}, {"HF_TOKEN_PATH", home + "/other"}}).http.token, "hf_other");
  EXPECT_EQ(options_of({{"HF_HOME", home}, {"HF_TOKEN_PATH", home + "/absent"}}).http.token, "");
  EXPECT_EQ(options_of({{"HF_TOKEN_PATH", home}}).http.token, "");  // a folder: a warning
  write_file_atomically(folder / "token", "");
  EXPECT_EQ(options_of({{"HF_HOME", home}}).http.token, "");
}

TEST(HubOptions, TimeLimits) {
  const HttpOptions http = options_of({{"HF_HUB_ETAG_TIMEOUT", "30"}, {"HF_HUB_DOWNLOAD_TIMEOUT", "0"}}).http;
  EXPECT_EQ(http.metadata_limit, std::chrono::seconds(30));
  EXPECT_EQ(http.stall_limit, std::chrono::seconds(60));
  EXPECT_EQ(error_of([] {
              options_of({{"HF_HUB_DOWNLOAD_TIMEOUT", "soon"}});
            }),
            "[hub] HF_HUB_DOWNLOAD_TIMEOUT: got 'soon', expected seconds, at most 86400");
}

TEST(HubOptions, TokensGoOverHttpsOrStayHere) {
  const auto error_with = [](const char* endpoint) {
    return error_of([&] { expect_safe_token(options_of({{"HF_TOKEN", "hf_secret"}, {"HF_ENDPOINT", endpoint}})); });
  };
  for (const char* endpoint : {"https://x.example", "http://127.0.0.1:80", "http://127.9.9.9", "http://LOCALHOST:1",
                               "http://[::1]:5", "x.example"})
    EXPECT_EQ(error_with(endpoint), "no error") << endpoint;
  for (const char* endpoint : {"http://x.example", "http://127.0.0.1.example", "http://localhost.example",
                               "http://127.0.0.1@x.example", "http://10.0.0.1", "http://[::2]", "http://128.0.0.1"}) {
    EXPECT_NE(error_with(endpoint).find("over plain http"), std::string::npos) << endpoint;
    EXPECT_EQ(error_with(endpoint).find("hf_secret"), std::string::npos);
  }
}

TEST(Urls, Redirects) {
  const Url url("https://hub.example/a/b?q");
  EXPECT_EQ(url.joined("c").text(), "https://hub.example/a/c");
  EXPECT_EQ(url.joined("/c d").text(), "https://hub.example/c%20d");
  EXPECT_EQ(url.joined("//other.example/c").text(), "https://other.example/c");
  EXPECT_EQ(url.joined("../../../c").text(), "https://hub.example/c");
  EXPECT_TRUE(url.joined("c").has_origin_of(url));
  EXPECT_TRUE(Url("https://HUB.example:443/x").has_origin_of(url));
  for (const char* other : {"http://hub.example", "https://hub.example:444", "https://hub.example.org"})
    EXPECT_FALSE(Url(other).has_origin_of(url)) << other;
  for (const char* location :
       {"", "file:///etc/passwd", "http://", "gopher://x", "https://a\nb", "http://hub.example/a"})
    EXPECT_NE(error_of([&] { url.joined(location); }), "no error") << location;
  EXPECT_EQ(Url("https://me:secret@hub.example/a?signature=1").shown(), "https://hub.example/a");
}

TEST(Headers, NumbersAndRanges) {
  HttpHeaders headers;
  headers.add_line("HTTP/1.1 302 x\r\n");
  headers.add_line("ETag: old\r\n");
  headers.add_line("HTTP/1.1 206 x\r\n");
  headers.add_line("Content-Range: bytes 10-19/20\r\n");
  headers.add_line("Content-LENGTH: 10\r\n");
  EXPECT_FALSE(headers.has("etag"));  // of the answer before
  EXPECT_EQ(headers.range_begin(), 10u);
  EXPECT_EQ(headers.range_total(), 20u);
  EXPECT_EQ(headers.number("content-length"), 10u);
  headers.add_line("Content-Range: bytes */77\r\n");
  EXPECT_EQ(headers.range_begin(), std::nullopt);
  EXPECT_EQ(headers.range_total(), 77u);
  EXPECT_EQ(parse_count("-1"), std::nullopt);
  EXPECT_EQ(parse_count("9999999999999999999"), std::nullopt);
  bool fits = true;
  for (int i = 0; i < 1000 && fits; ++i)
    fits = headers.add_line("x" + std::to_string(i) + ": " + std::string(1000, 'y'));
  EXPECT_FALSE(fits);
}

TEST(Progress, CountsWhatWasThereButNotForTheSpeed) {
  constexpr uint64_t kGiB = 1 << 30;
  EXPECT_EQ(format_progress("org/x", 3 * kGiB, 12 * kGiB, 100.0 * (1 << 20)),
            "org/x: 3.0 GiB of 12.0 GiB (25 %), 100.0 MiB/s, 1:32 left");
  EXPECT_EQ(format_progress("org/x", 3 * kGiB, 0, 100.0 * (1 << 20)), "org/x: 3.0 GiB, 100.0 MiB/s");
}

}  // namespace
}  // namespace molmo::hub
