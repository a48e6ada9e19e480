// libFuzzer entry: any text is a config or an Error, read as each kind of file that a model folder may bring along;
// what is accepted survives printing and parsing.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"
#include "config/companion_config.h"
#include "config/hf_config.h"
#include "config/load.h"
#include "config/native_config.h"
#include "config/part_config.h"
#include "config/train_config.h"
#include "molmo/error.h"

namespace {

using namespace molmo;

template <class T>
void expect_round_trip(const T& config) {
  if (!config::is_same(config, config::from_json<T>(config::to_json(config), "fuzz"))) std::abort();
}

// Files that only add to a configuration, or are compared with one.
void read_beside(int kind, const Json& json) {
  config::MolmoConfig molmo;
  std::vector<std::string> names;
  if (kind == 5) return config::read_generation_config(json, "fuzz", molmo, names);
  if (kind == 6) return config::read_processor_config(json, "fuzz", molmo, names);
  if (kind == 7) return void(config::expect_decoder_part(json, molmo.model.decoder, "fuzz"));
  config::expect_tower_part(json, molmo.model.vit, "fuzz");
}

void read_as(int kind, const Json& json) {
  switch (kind) {
    case 0:
      return expect_round_trip(config::from_json<config::MolmoConfig>(json, "fuzz"));
    case 1:
      return expect_round_trip(config::from_json<config::TrainConfig>(json, "fuzz"));
    case 2:
      return expect_round_trip(config::from_hf_config(json, "fuzz"));
    case 3:
      return expect_round_trip(config::model_from_native(json, "fuzz"));
    case 4:
      return expect_round_trip(config::molmo_from_checkpoint_config(json, "fuzz"));
    default:
      return read_beside(kind, json);
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
  for (int kind = 0; kind < 9; ++kind) {
    try {
      read_as(kind, json);
    } catch (const Error&) {
    }
  }
  return 0;
}
