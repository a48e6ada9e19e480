// libFuzzer entry: any bytes are a data.jsonl or an Error, and what is read becomes messages in every stage.
// SPDX-License-Identifier: Apache-2.0
#include "data/own_data.h"
#include "data/record_examples.h"
#include "molmo/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace molmo;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const data::OwnData own = data::parse_own_data(text, "/proc/self/exe");  // records name "exe", a file that is there
    for (const data::Record& record : own.records) {
      for (const auto stage : {config::TrainStage::kCaption, config::TrainStage::kSft}) {
        RandomState random(1);
        data::make_example(record, stage, {}, random);
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
