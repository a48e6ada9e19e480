// SPDX-License-Identifier: Apache-2.0
#include "text/bpe_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/json_reader.h"
#include "molmo/error.h"
#include "text/split_patterns.h"
#include "text/tokenizer_json.h"

namespace molmo::text {
namespace {

constexpr uint64_t kMaxHoles = 1 << 20;  // ids without a piece that a file may leave: bounds what a bad id can allocate

// Names the file and the key of what is wrong.
class Failing {
 public:
  explicit Failing(const std::string& where) : where_(where) {}

  [[noreturn]] void fail(const std::string& what) const { throw Error(fmt::format("[text] {}: {}", where_, what)); }
  const JsonRules& rules() const { return rules_; }

 private:
  std::string where_;
  JsonRules rules_{
      .on_problem = [this](const std::string& path,
                           const std::string& problem) { fail(path + (path.empty() ? "" : ": ") + problem); },
      .null_is_absent = true};
};

std::string required_text(const ObjectReader& object, const char* key) {
  object.require(key, "text");
  return *object.text(key);
}

const Json& required_list(const ObjectReader& object, const char* key) {
  object.require(key, "a list");
  return *object.list(key);
}

// The literal text as a regular expression.
std::string escape_regex(std::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

void read_normalizer(const ObjectReader& normalizer, BpeFile* file) {
  const std::string type = required_text(normalizer, "type");
  if (type == "NFC") {
    file->normalize_nfc = true;
  } else if (type == "Sequence") {
    required_list(normalizer, "normalizers");
    for (const ObjectReader& step : normalizer.objects("normalizers")) read_normalizer(step, file);
  } else {
    normalizer.report("type", fmt::format("normalizer '{}' is not supported, expected NFC or none", type));
  }
}

SplitRule read_split(const ObjectReader& step) {
  const std::optional<ObjectReader> pattern = step.object("pattern");
  SplitRule rule;
  if (pattern && pattern->has("Regex")) {
    rule.pattern = *pattern->text("Regex");
  } else if (pattern && pattern->has("String")) {
    rule.pattern = escape_regex(*pattern->text("String"));
  } else {
    step.report("pattern", "missing, expected a Regex or a String");
  }
  const std::string behavior = required_text(step, "behavior");
  if (behavior == "Removed") {
    rule.keep_matches = step.flag("invert").value_or(false);
    rule.keep_gaps = !rule.keep_matches;
  } else if (behavior != "Isolated") {
    step.report("behavior", fmt::format("'{}' is not supported, expected Isolated or Removed", behavior));
  }
  return rule;
}

// Returns whether the step maps bytes to the alphabet, which has to come last and once.
bool read_pre_tokenizer(const ObjectReader& step, BpeFile* file) {
  const std::string type = required_text(step, "type");
  if (type == "Split") {
    file->splits.push_back(read_split(step));
    return false;
  }
  if (type == "ByteLevel") {
    file->add_prefix_space = step.flag("add_prefix_space").value_or(true);
    if (file->add_prefix_space && !file->splits.empty())
      step.report("add_prefix_space", "after a Split it is not supported");
    if (step.flag("use_regex").value_or(true)) file->splits.emplace_back().pattern = kGpt2Pattern;
    return true;
  }
  if (type != "Sequence")
    step.report("type", fmt::format("pre-tokenizer '{}' is not supported, expected Split or ByteLevel", type));
  required_list(step, "pretokenizers");
  bool done = false;
  for (const ObjectReader& part : step.objects("pretokenizers")) {
    if (done) part.report("", "a pre-tokenizer after ByteLevel is not supported");
    done = read_pre_tokenizer(part, file);
  }
  return done;
}

void check_model(const ObjectReader& model, BpeFile* file) {
  if (model.text("type").value_or("BPE") != "BPE")
    model.report("type", fmt::format("'{}' is not supported, expected BPE", *model.text("type")));
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.text(key).value_or("").empty()) model.report(key, "is not supported, expected none");
  }
  if (model.number("dropout").value_or(0) != 0) model.report("dropout", "is not supported, expected none");
  if (model.flag("byte_fallback").value_or(false)) model.report("byte_fallback", "is not supported, expected false");
  file->ignore_merges = model.flag("ignore_merges").value_or(false);
  file->fuse_unk = model.flag("fuse_unk").value_or(false);
}

// Puts `content` at `id` unless it is there already; an id is taken once, and lies below `limit`.
void place_piece(uint64_t id, const std::string& content, uint64_t limit, const Failing& failing, BpeFile* file) {
  if (id >= limit) failing.fail(fmt::format("id {} of '{}' is far beyond the vocabulary", id, content));
  if (id >= file->pieces.size()) file->pieces.resize(id + 1);
  std::string& piece = file->pieces[id];
  if (!piece.empty() && piece != content)
    failing.fail(fmt::format("id {} belongs to both '{}' and '{}'", id, piece, content));
  piece = content;
}

using PieceIds = std::unordered_map<std::string_view, uint32_t>;

PieceIds read_vocab(const TokenizerJson& json, const Failing& failing, BpeFile* file) {
  if (!json.has_vocab) failing.fail("model.vocab is missing or not an object");
  if (json.vocab.empty()) failing.fail("model.vocab is empty");
  PieceIds ids;
  ids.reserve(json.vocab.size());
  file->pieces.reserve(json.vocab.size() + 1024);
  for (const auto& [piece, id] : json.vocab) {
    if (piece.empty()) failing.fail("model.vocab has an empty piece");
    place_piece(id, piece, json.vocab.size() + kMaxHoles, failing, file);
    if (!ids.emplace(piece, static_cast<uint32_t>(id)).second)
      failing.fail(fmt::format("piece '{}' occurs twice", piece));
  }
  return ids;
}

void read_merges(const TokenizerJson& json, const PieceIds& ids, const Failing& failing, BpeFile* file) {
  if (!json.has_merges) failing.fail("model.merges is missing or not an array");
  file->merges.reserve(json.merges.size());
  std::string whole;
  for (size_t i = 0; i < json.merges.size(); ++i) {
    const auto id_of = [&](std::string_view piece) {
      const auto it = ids.find(piece);
      if (it == ids.end())
        failing.fail(fmt::format("model.merges[{}] needs '{}', which is not in model.vocab", i, piece));
      return it->second;
    };
    whole.assign(json.merges[i].first).append(json.merges[i].second);
    file->merges.push_back({id_of(json.merges[i].first), id_of(json.merges[i].second), id_of(whole)});
  }
}

void read_added_tokens(const ObjectReader& rest, const PieceIds& ids, const Failing& failing, BpeFile* file) {
  for (const ObjectReader& entry : rest.objects("added_tokens")) {
    entry.require("id", "an integer");
    const auto id = static_cast<uint64_t>(*entry.integer("id", 0));
    AddedToken token{.content = required_text(entry, "content"), .special = entry.flag("special").value_or(false)};
    token.normalized = entry.flag("normalized").value_or(!token.special);
    token.single_word = entry.flag("single_word").value_or(false);
    token.lstrip = entry.flag("lstrip").value_or(false);
    token.rstrip = entry.flag("rstrip").value_or(false);
    const auto known = ids.find(token.content);
    if (known != ids.end() && known->second != id) {
      failing.fail(fmt::format("added token '{}' has id {}, but {} in model.vocab", token.content, id, known->second));
    }
    place_piece(id, token.content, ids.size() + kMaxHoles, failing, file);
    token.id = static_cast<int64_t>(id);
    token.in_vocabulary = known != ids.end();
    file->added_tokens.push_back(std::move(token));
  }
}

}  // namespace

BpeFile parse_bpe_file(std::string_view text, const std::string& where) {
  const TokenizerJson json = parse_tokenizer_json(text, where);
  const Failing failing(where);
  const ObjectReader rest(*json.rest, failing.rules());
  BpeFile file;
  file.where = where;
  rest.require("model", "an object");
  const ObjectReader model = *rest.object("model");
  check_model(model, &file);
  const PieceIds ids = read_vocab(json, failing, &file);
  read_merges(json, ids, failing, &file);
  if (const std::optional<std::string> unk_token = model.text("unk_token")) {
    const auto unk = ids.find(*unk_token);
    if (unk == ids.end()) model.report("unk_token", fmt::format("'{}' is not in model.vocab", *unk_token));
    file.unk_id = unk->second;
  }
  if (const std::optional<ObjectReader> normalizer = rest.object("normalizer")) read_normalizer(*normalizer, &file);
  const std::optional<ObjectReader> pre_tokenizer = rest.object("pre_tokenizer");
  if (!pre_tokenizer || !read_pre_tokenizer(*pre_tokenizer, &file)) {
    failing.fail("the pre-tokenizer has no ByteLevel step: only byte-level BPE is supported");
  }
  const std::optional<ObjectReader> decoder = rest.object("decoder");
  if (decoder && required_text(*decoder, "type") != "ByteLevel")
    decoder->report("type", fmt::format("'{}' is not supported, expected ByteLevel", *decoder->text("type")));
  read_added_tokens(rest, ids, failing, &file);
  return file;
}

}  // namespace molmo::text
