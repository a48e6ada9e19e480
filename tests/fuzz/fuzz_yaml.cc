// libFuzzer entry: any text is YAML or an Error; what is read can be printed.
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/yaml.h"
#include "molmo/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    molmo::format_json_line(molmo::parse_yaml(std::string(reinterpret_cast<const char*>(data), size), "fuzz"));
  } catch (const molmo::Error&) {
  }
  return 0;
}
