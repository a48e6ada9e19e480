// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "molmo/error.h"
#include "text/unicode.h"

namespace molmo::text {
namespace {

Replacement replacement_of(const Tokenizer& tokenizer) {
  return tokenizer.replaces_each_byte() ? Replacement::kPerByte : Replacement::kPerSubpart;
}

}  // namespace

std::string MolmoTokenizer::decode_answer(std::span<const int64_t> ids) const {
  if (special.bos == special.eos && !ids.empty() && ids[0] == special.eos) ids = ids.subspan(1);
  const auto end = std::find(ids.begin(), ids.end(), special.eos);
  return tokenizer->decode(ids.first(static_cast<size_t>(end - ids.begin())));
}

std::string MolmoTokenizer::decode_all(std::span<const int64_t> ids) const {
  std::vector<int64_t> kept(ids.begin(), ids.end());
  std::erase_if(kept, [this](int64_t id) { return id == special.bos || id == special.eos; });
  return tokenizer->decode(kept);
}

std::string StreamDecoder::push(int64_t id) {
  held_ += tokenizer_->stream_bytes(id, &at_start_);
  std::string text;
  held_.erase(0, append_well_formed(held_, replacement_of(*tokenizer_), /*at_end=*/false, &text));
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  append_well_formed(held_, replacement_of(*tokenizer_), /*at_end=*/true, &text);
  held_.clear();
  at_start_ = true;
  return text;
}

void expect_vocabulary(const MolmoTokenizer& tokenizer, const std::string& where, int64_t vocab_size) {
  if (tokenizer.special.im_start == vocab_size) return;
  throw Error(fmt::format(
      "[text] {}: the image tokens start at id {}, expected model.decoder.vocab_size = {}; set tokenizer.pad_to", where,
      tokenizer.special.im_start, vocab_size));
}

}  // namespace molmo::text
