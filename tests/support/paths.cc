// SPDX-License-Identifier: Apache-2.0
#include "support/paths.h"

#include <stdlib.h>

namespace molmo::testing {
namespace {

std::filesystem::path from_environment(const char* name, const char* fallback) {
  const char* value = ::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

}  // namespace

std::filesystem::path data_directory() { return from_environment("MOLMO_TEST_DATA", MOLMO_TEST_DATA_DIR); }
std::filesystem::path golden_directory() { return from_environment("MOLMO_GOLDEN_DIR", MOLMO_TEST_GOLDEN_DIR); }

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "molmo-test-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace molmo::testing
