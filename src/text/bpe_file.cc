// SPDX-License-Identifier: Apache-2.0
#include "text/bpe_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "molmo/error.h"
#include "text/split_patterns.h"
#include "text/tokenizer_json.h"

namespace molmo::text {
namespace {

constexpr uint64_t kMaxHoles = 1 << 20;  // ids without a piece that a file may leave: bounds what a bad id can allocate

// Looks keys up in one file, with errors that name it.
class Lookup {
 public:
  explicit Lookup(const std::string& where) : where_(where) {}

  [[noreturn]] void fail(const std::string& what) const { throw Error(fmt::format("[text] {}: {}", where_, what)); }

  // The member, or null where it is absent or null.
  const Json* find(const Json& object, const char* key) const {
    if (!object.is_object()) return nullptr;
    const auto it = object.find(key);
    return it == object.end() || it->is_null() ? nullptr : &*it;
  }
  bool flag(const Json& object, const char* key, bool fallback) const {
    const Json* value = find(object, key);
    if (value && !value->is_boolean()) fail(fmt::format("'{}' is not true or false", key));
    return value ? value->get<bool>() : fallback;
  }
  std::string text(const Json& object, const char* key) const {
    const Json* value = find(object, key);
    if (!value || !value->is_string()) fail(fmt::format("'{}' is missing or not a string", key));
    return value->get<std::string>();
  }
  const Json& array(const Json& object, const char* key) const {
    const Json* value = find(object, key);
    if (!value || !value->is_array()) fail(fmt::format("'{}' is missing or not an array", key));
    return *value;
  }

 private:
  const std::string& where_;
};

// The literal text as a regular expression.
std::string escape_regex(std::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

void read_normalizer(const Json& normalizer, const Lookup& lookup, BpeFile* file) {
  const std::string type = lookup.text(normalizer, "type");
  if (type == "NFC") {
    file->normalize_nfc = true;
  } else if (type == "Sequence") {
    for (const Json& step : lookup.array(normalizer, "normalizers")) read_normalizer(step, lookup, file);
  } else {
    lookup.fail(fmt::format("normalizer '{}' is not supported, expected NFC or none", type));
  }
}

SplitRule read_split(const Json& step, const Lookup& lookup) {
  const Json* pattern = lookup.find(step, "pattern");
  SplitRule rule;
  if (pattern && lookup.find(*pattern, "Regex")) {
    rule.pattern = lookup.text(*pattern, "Regex");
  } else if (pattern && lookup.find(*pattern, "String")) {
    rule.pattern = escape_regex(lookup.text(*pattern, "String"));
  } else {
    lookup.fail("a Split pre-tokenizer has no pattern");
  }
  const std::string behavior = lookup.text(step, "behavior");
  if (behavior == "Removed") {
    rule.keep_matches = lookup.flag(step, "invert", false);
    rule.keep_gaps = !rule.keep_matches;
  } else if (behavior != "Isolated") {
    lookup.fail(fmt::format("Split behavior '{}' is not supported, expected Isolated or Removed", behavior));
  }
  return rule;
}

// Returns whether the step maps bytes to the alphabet, which has to come last and once.
bool read_pre_tokenizer(const Json& step, const Lookup& lookup, BpeFile* file) {
  const std::string type = lookup.text(step, "type");
  if (type == "Split") {
    file->splits.push_back(read_split(step, lookup));
    return false;
  }
  if (type == "ByteLevel") {
    file->add_prefix_space = lookup.flag(step, "add_prefix_space", true);
    if (file->add_prefix_space && !file->splits.empty())
      lookup.fail("add_prefix_space behind a Split is not supported");
    if (lookup.flag(step, "use_regex", true)) file->splits.emplace_back().pattern = kGpt2Pattern;
    return true;
  }
  if (type != "Sequence")
    lookup.fail(fmt::format("pre-tokenizer '{}' is not supported, expected Split or ByteLevel", type));
  bool done = false;
  for (const Json& part : lookup.array(step, "pretokenizers")) {
    if (done) lookup.fail("a pre-tokenizer behind ByteLevel is not supported");
    done = read_pre_tokenizer(part, lookup, file);
  }
  return done;
}

void check_model(const Json& model, const Lookup& lookup, BpeFile* file) {
  const Json* type = lookup.find(model, "type");
  if (type && *type != "BPE")
    lookup.fail(fmt::format("model type {} is not supported, expected \"BPE\"", type->dump()));
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (lookup.find(model, key) && !lookup.text(model, key).empty())
      lookup.fail(fmt::format("model.{} is not supported", key));
  }
  const Json* dropout = lookup.find(model, "dropout");
  if (dropout && *dropout != 0.0) lookup.fail("model.dropout is not supported");
  file->ignore_merges = lookup.flag(model, "ignore_merges", false);
  file->fuse_unk = lookup.flag(model, "fuse_unk", false);
}

// Puts `content` at `id` unless it is there already; an id is taken once, and lies below `limit`.
void place_piece(uint64_t id, const std::string& content, uint64_t limit, const Lookup& lookup, BpeFile* file) {
  if (id >= limit) lookup.fail(fmt::format("id {} of '{}' is far beyond the vocabulary", id, content));
  if (id >= file->pieces.size()) file->pieces.resize(id + 1);
  std::string& piece = file->pieces[id];
  if (!piece.empty() && piece != content)
    lookup.fail(fmt::format("id {} belongs to both '{}' and '{}'", id, piece, content));
  piece = content;
}

using PieceIds = std::unordered_map<std::string_view, uint32_t>;

PieceIds read_vocab(const TokenizerJson& json, const Lookup& lookup, BpeFile* file) {
  if (!json.has_vocab) lookup.fail("model.vocab is missing or not an object");
  if (json.vocab.empty()) lookup.fail("model.vocab is empty");
  PieceIds ids;
  ids.reserve(json.vocab.size());
  file->pieces.reserve(json.vocab.size() + 1024);
  for (const auto& [piece, id] : json.vocab) {
    if (piece.empty()) lookup.fail("model.vocab has an empty piece");
    place_piece(id, piece, json.vocab.size() + kMaxHoles, lookup, file);
    if (!ids.emplace(piece, static_cast<uint32_t>(id)).second)
      lookup.fail(fmt::format("piece '{}' occurs twice", piece));
  }
  return ids;
}

void read_merges(const TokenizerJson& json, const PieceIds& ids, const Lookup& lookup, BpeFile* file) {
  if (!json.has_merges) lookup.fail("model.merges is missing or not an array");
  file->merges.reserve(json.merges.size());
  std::string whole;
  for (size_t i = 0; i < json.merges.size(); ++i) {
    const auto id_of = [&](std::string_view piece) {
      const auto it = ids.find(piece);
      if (it == ids.end())
        lookup.fail(fmt::format("model.merges[{}] needs '{}', which is not in model.vocab", i, piece));
      return it->second;
    };
    whole.assign(json.merges[i].first).append(json.merges[i].second);
    file->merges.push_back({id_of(json.merges[i].first), id_of(json.merges[i].second), id_of(whole)});
  }
}

void read_added_tokens(const Json& list, const PieceIds& ids, const Lookup& lookup, BpeFile* file) {
  for (const Json& entry : list) {
    const Json* id = lookup.find(entry, "id");
    if (!id || !id->is_number_unsigned())
      lookup.fail("an added token has no id, or one that is not a non-negative integer");
    AddedToken token{.content = lookup.text(entry, "content"), .special = lookup.flag(entry, "special", false)};
    token.normalized = lookup.flag(entry, "normalized", !token.special);
    token.single_word = lookup.flag(entry, "single_word", false);
    token.lstrip = lookup.flag(entry, "lstrip", false);
    token.rstrip = lookup.flag(entry, "rstrip", false);
    const auto known = ids.find(token.content);
    if (known != ids.end() && known->second != id->get<uint64_t>()) {
      lookup.fail(fmt::format("added token '{}' has id {}, but {} in model.vocab", token.content, id->get<uint64_t>(),
                              known->second));
    }
    place_piece(id->get<uint64_t>(), token.content, ids.size() + kMaxHoles, lookup, file);
    token.id = id->get<int64_t>();
    token.in_vocabulary = known != ids.end();
    file->added_tokens.push_back(std::move(token));
  }
}

}  // namespace

BpeFile parse_bpe_file(std::string_view text, const std::string& where) {
  const TokenizerJson json = parse_tokenizer_json(text, where);
  const Lookup lookup(where);
  BpeFile file;
  file.where = where;
  const Json* model = lookup.find(*json.rest, "model");
  if (!model || !model->is_object()) lookup.fail("'model' is missing or not an object");
  check_model(*model, lookup, &file);
  const PieceIds ids = read_vocab(json, lookup, &file);
  read_merges(json, ids, lookup, &file);
  if (lookup.find(*model, "unk_token")) {
    const auto unk = ids.find(lookup.text(*model, "unk_token"));
    if (unk == ids.end()) lookup.fail("model.unk_token is not in model.vocab");
    file.unk_id = unk->second;
  }
  if (const Json* normalizer = lookup.find(*json.rest, "normalizer")) read_normalizer(*normalizer, lookup, &file);
  const Json* pre_tokenizer = lookup.find(*json.rest, "pre_tokenizer");
  if (!pre_tokenizer || !read_pre_tokenizer(*pre_tokenizer, lookup, &file)) {
    lookup.fail("the pre-tokenizer has no ByteLevel step: only byte-level BPE is supported");
  }
  if (lookup.find(*json.rest, "added_tokens")) {
    read_added_tokens(lookup.array(*json.rest, "added_tokens"), ids, lookup, &file);
  }
  return file;
}

}  // namespace molmo::text
