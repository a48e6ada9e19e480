// Where tests find their data.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace molmo::testing {

/// tests/data (tokenizers, prompt templates, small pictures); MOLMO_TEST_DATA overrides.
std::filesystem::path data_directory();

/// The golden folder: MOLMO_GOLDEN_DIR where set, else tests/golden.
std::filesystem::path golden_directory();

/// A fresh empty folder below the system's temporary folder, removed when the object goes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace molmo::testing
