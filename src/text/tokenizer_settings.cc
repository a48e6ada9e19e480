// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_reader.h"
#include "molmo/error.h"

namespace molmo::text {
namespace {

JsonRules throw_at(const std::string& where) {
  return {.on_problem =
              [where](const std::string& path, const std::string& problem) {
                throw Error(fmt::format("[text] {}: {}{}{}", where, path, path.empty() ? "" : ": ", problem));
              },
          .null_is_absent = true};
}

// A setting that only one value of is built.
void expect_flag(const ObjectReader& settings, const char* key, bool value) {
  if (settings.flag(key).value_or(value) != value)
    settings.report(key, fmt::format("got {}, which is not supported, expected {}", !value, value));
}

// Flags of "added_tokens_decoder" that tokenizer.json has another value of.
void expect_same_flags(const ObjectReader& entry, const AddedToken& token) {
  const std::pair<const char*, bool> flags[] = {{"lstrip", token.lstrip},
                                                {"rstrip", token.rstrip},
                                                {"single_word", token.single_word},
                                                {"normalized", token.normalized},
                                                {"special", token.special}};
  for (const auto& [key, value] : flags) {
    const std::optional<bool> given = entry.flag(key);
    if (given && *given != value)
      entry.report(key, fmt::format("got {} for '{}', but tokenizer.json has {}", *given, token.content, value));
  }
}

void expect_same_token(const ObjectReader& entry, const std::string& id_text, const BpeFile& file) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(id_text.data(), id_text.data() + id_text.size(), id);
  if (error != std::errc() || end != id_text.data() + id_text.size() || id < 0)
    entry.report("", "expected a token's id as the key");
  entry.require("content", "text");
  const std::string content = *entry.text("content");
  const auto token = std::find_if(file.added_tokens.begin(), file.added_tokens.end(),
                                  [&](const AddedToken& other) { return other.content == content; });
  if (token == file.added_tokens.end())
    return entry.report("", fmt::format("adds the token '{}', which tokenizer.json does not add", content));
  if (token->id != id) entry.report("", fmt::format("'{}' has id {} in tokenizer.json", content, token->id));
  expect_same_flags(entry, *token);
}

}  // namespace

TokenizerSettings read_tokenizer_settings(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer_config.json";
  if (!std::filesystem::is_regular_file(path)) return {};
  return {path.string(), std::make_shared<const Json>(read_json(path))};
}

void expect_agreement(const TokenizerSettings& settings, const BpeFile& file) {
  if (!settings.json) return;
  const JsonRules rules = throw_at(settings.where);
  const ObjectReader object(*settings.json, rules);
  expect_flag(object, "do_lower_case", false);
  expect_flag(object, "add_prefix_space", file.add_prefix_space);
  const std::optional<ObjectReader> added = object.object("added_tokens_decoder");
  if (!added) return;
  for (const auto& [id, value] : added->json().items()) {
    expect_same_token(ObjectReader(value, rules, added->path_of(id)), id, file);
  }
}

void expect_sentencepiece_settings(const TokenizerSettings& settings) {
  if (!settings.json) return;
  const JsonRules rules = throw_at(settings.where);
  const ObjectReader object(*settings.json, rules);
  expect_flag(object, "do_lower_case", false);
  expect_flag(object, "legacy", true);
}

}  // namespace molmo::text
