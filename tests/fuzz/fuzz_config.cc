// libFuzzer entry: any text is a config or an Error, read as each kind of file that a model folder may bring along;
// what is accepted survives printing and parsing.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/native_config.h"
#include "config/train_config.h"
#include "molmo/error.h"

namespace {

using namespace molmo;

template <class T>
void expect_round_trip(const T& config) {
  if (!config::is_same(config, config::from_json<T>(config::to_json(config), "fuzz"))) std::abort();
}

void read_as(int kind, const Json& json) {
  switch (kind) {
    case 0:
      return expect_round_trip(config::from_json<config::MolmoConfig>(json, "fuzz"));
    case 1:
      return expect_round_trip(config::from_json<config::TrainConfig>(json, "fuzz"));
    case 2:
      return expect_round_trip(config::from_hf_config(json, "fuzz"));
    default:
      return expect_round_trip(config::model_from_native(json, "fuzz"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Json json;
  try {
    json = parse_json(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  } catch (const Error&) {
    return 0;
  }
  for (int kind = 0; kind < 4; ++kind) {
    try {
      read_as(kind, json);
    } catch (const Error&) {
    }
  }
  return 0;
}
