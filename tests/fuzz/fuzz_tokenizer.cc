// libFuzzer entry: any bytes are a tokenizer.json or an Error, and what loads encodes and decodes the same bytes.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "molmo/error.h"
#include "text/bpe_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  try {
    const molmo::text::BpeTokenizer tokenizer(molmo::text::parse_bpe_file(content, "fuzz"));
    const std::vector<int64_t> ids = tokenizer.encode(content.substr(0, 4096));
    tokenizer.decode(ids);
    tokenizer.decode(ids, /*skip_special=*/true);
  } catch (const molmo::Error&) {
  }
  return 0;
}
