// libFuzzer entry: any bytes are a SentencePiece model or an Error, and what loads encodes, decodes and streams.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "molmo/error.h"
#include "text/sentencepiece_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  try {
    auto tokenizer = std::make_shared<molmo::text::SentencePieceTokenizer>(content, "fuzz");
    const std::string own = content.substr(0, 256);
    for (const std::string& text : {std::string(" A \xEF\xBC\xA1\xCC\x88 caf\xC3\xA9 12.5\n"), own}) {
      const std::vector<int64_t> ids = tokenizer->encode_text(text);
      tokenizer->decode(ids);
      molmo::text::StreamDecoder stream(tokenizer);
      for (const int64_t id : ids) stream.push(id);
    }
  } catch (const molmo::Error&) {
  }
  return 0;
}
