// SPDX-License-Identifier: Apache-2.0
#include "text/load_tokenizer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "base/files.h"
#include "molmo/error.h"
#include "text/bpe_tokenizer.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_settings.h"

namespace molmo::text {
namespace {

constexpr size_t kMaxUnpacked = size_t{1} << 30;  // bytes of a tokenizer file

std::string unpack_gzip(const std::string& packed, const std::string& where) {
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(std::min<size_t>(packed.size(), UINT32_MAX));
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw Error(fmt::format("[text] {}: cannot start zlib", where));
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> ending(&stream, inflateEnd);
  std::string text;
  std::vector<char> buffer(size_t{1} << 20);
  int code = Z_OK;
  while (code == Z_OK && text.size() < kMaxUnpacked) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    code = inflate(&stream, Z_NO_FLUSH);
    text.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  if (code != Z_STREAM_END) throw Error(fmt::format("[text] {}: damaged or too large gzip data", where));
  return text;
}

bool is_gzip(std::string_view content) { return content.starts_with("\x1F\x8B"); }

bool is_json(std::string_view content) {
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  const size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && content[first] == '{';
}

// Drops the file's added tokens that are not in `kept`; ids that only they held at the end become free.
void keep_added_tokens(const std::vector<int64_t>& kept, BpeFile* file) {
  const std::unordered_set<int64_t> wanted(kept.begin(), kept.end());
  std::unordered_set<int64_t> found;
  std::vector<AddedToken> tokens;
  for (AddedToken& token : file->added_tokens) {
    if (wanted.contains(token.id)) {
      found.insert(token.id);
      tokens.push_back(std::move(token));
    } else if (!token.in_vocabulary) {
      file->pieces[static_cast<size_t>(token.id)].clear();
    }
  }
  for (const int64_t id : kept) {
    if (!found.contains(id))
      throw Error(fmt::format("[text] kept_added_tokens: {} has no added token with id {}", file->where, id));
  }
  file->added_tokens = std::move(tokens);
  while (!file->pieces.empty() && file->pieces.back().empty()) file->pieces.pop_back();
}

// The tokens of Molmo's extension: fillers up to `pad_to`, then the image tokens. `id_of` finds strings that the file
// has already (a released model's own tokenizer.json); those keep their ids.
template <class IdOf>
std::vector<AddedToken> molmo_tokens(int64_t base_size, std::optional<int> pad_to, const std::string& where,
                                     IdOf id_of) {
  std::vector<AddedToken> tokens;
  int64_t next = base_size;
  const auto add = [&](const std::string& content) {
    const int64_t known = id_of(content);
    tokens.push_back({.id = known >= 0 ? known : next++, .content = content});
  };
  const bool has_image_tokens = id_of(std::string(kImageTokens[0])) >= 0;
  if (pad_to && !has_image_tokens) {
    if (base_size > *pad_to)
      throw Error(fmt::format("[text] {} has {} tokens, more than pad_to = {}", where, base_size, *pad_to));
    for (int64_t k = 0; next < *pad_to; ++k) add(fmt::format("|<EXTRA_TOKENS_{}>|", k));
  }
  for (const std::string_view content : kImageTokens) add(std::string(content));
  return tokens;
}

std::shared_ptr<const Tokenizer> make_bpe(BpeFile file, const config::TokenizerConfig& config) {
  if (config.kept_added_tokens) keep_added_tokens(*config.kept_added_tokens, &file);
  std::unordered_map<std::string, int64_t> ids;
  for (size_t id = 0; id < file.pieces.size(); ++id) ids.emplace(file.pieces[id], static_cast<int64_t>(id));
  const auto id_of = [&](const std::string& content) {
    const auto it = ids.find(content);
    return it == ids.end() ? -1 : it->second;
  };
  for (AddedToken& token : molmo_tokens(static_cast<int64_t>(file.pieces.size()), config.pad_to, file.where, id_of)) {
    const auto id = static_cast<size_t>(token.id);
    if (id >= file.pieces.size()) file.pieces.resize(id + 1);
    file.pieces[id] = token.content;
    std::erase_if(file.added_tokens, [&](const AddedToken& other) { return other.id == token.id; });
    file.added_tokens.push_back(std::move(token));
  }
  return std::make_shared<BpeTokenizer>(file);
}

std::shared_ptr<const Tokenizer> make_sentencepiece(std::string_view model, const std::string& where,
                                                    const config::TokenizerConfig& config) {
  auto tokenizer = std::make_shared<SentencePieceTokenizer>(model, where);
  const auto id_of = [&](const std::string& content) { return tokenizer->piece_id(content); };
  tokenizer->add_tokens(molmo_tokens(tokenizer->size(), config.pad_to, where, id_of));
  return tokenizer;
}

// Image tokens have to be one id each, in order; they are looked up as the model will meet them, in a text.
SpecialTokens find_special_tokens(const Tokenizer& tokenizer, const std::string& where,
                                  const config::TokenizerConfig& config) {
  std::string joined;
  for (const std::string_view content : kImageTokens) joined += content;
  const std::vector<int64_t> ids = tokenizer.encode(joined);
  bool consecutive = ids.size() == std::size(kImageTokens);
  for (size_t i = 1; consecutive && i < ids.size(); ++i) consecutive = ids[i] == ids[0] + static_cast<int64_t>(i);
  if (!consecutive) {
    throw Error(fmt::format("[text] {}: the image tokens {} have ids [{}], expected five consecutive ids", where,
                            joined, fmt::join(ids, ", ")));
  }
  const int64_t bos = config.bos_id.value_or(config.eos_id);
  for (const int64_t id : {bos, config.eos_id}) {
    if (id < 0 || id >= tokenizer.size()) {
      throw Error(fmt::format("[text] {}: bos_id or eos_id is {}, expected 0 to {}", where, id, tokenizer.size() - 1));
    }
  }
  return {ids[0], ids[1], ids[2], ids[3], ids[4], bos, config.eos_id};
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_tokenizer(std::string content, const std::string& where) {
  if (is_gzip(content)) content = unpack_gzip(content, where);
  if (is_json(content)) return std::make_shared<BpeTokenizer>(parse_bpe_file(content, where));
  return std::make_shared<SentencePieceTokenizer>(content, where);
}

std::filesystem::path tokenizer_path(const std::filesystem::path& folder, const std::string& file) {
  const std::filesystem::path name = file;
  if (folder.empty() || (!file.empty() && name.filename() == name && file != "." && file != "..")) return folder / name;
  throw Error(fmt::format("[text] {}: tokenizer.file, got '{}', expected the plain name of a file in the folder",
                          folder.string(), file));
}

std::shared_ptr<const Tokenizer> load_plain_tokenizer(const std::filesystem::path& path) {
  return parse_tokenizer(read_text_file(path), path.string());
}

MolmoTokenizer load_tokenizer(const std::filesystem::path& folder, const config::TokenizerConfig& config) {
  const std::filesystem::path path = tokenizer_path(folder, config.file);
  const std::string where = path.string();
  std::string content = read_text_file(path);
  if (is_gzip(content)) content = unpack_gzip(content, where);
  const TokenizerSettings settings = read_tokenizer_settings(path.parent_path());
  MolmoTokenizer result;
  if (is_json(content)) {
    BpeFile file = parse_bpe_file(content, where);
    expect_agreement(settings, file);
    result.tokenizer = make_bpe(std::move(file), config);
  } else {
    expect_sentencepiece_settings(settings);
    result.tokenizer = make_sentencepiece(content, where, config);
  }
  result.special = find_special_tokens(*result.tokenizer, where, config);
  return result;
}

}  // namespace molmo::text
