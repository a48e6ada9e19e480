// SPDX-License-Identifier: Apache-2.0
#include "base/shared_library.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "molmo/error.h"

namespace molmo {

std::string path_of_half(const char* file, const char* variable) {
  if (const char* chosen = std::getenv(variable); chosen != nullptr && *chosen != '\0') return chosen;
  std::error_code ignored;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / file;
  return std::filesystem::exists(beside, ignored) ? beside.string() : file;
}

void* open_shared_library(const std::string& path, const char* hint) {
  // RTLD_GLOBAL: the CUDA half of LibTorch registers itself with, and is found by, the CPU half.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) throw Error(fmt::format("[library] cannot open {}: {}; {}", path, loader_message(), hint));
  return library;
}

std::string loader_message() {
  const char* message = dlerror();
  return message == nullptr ? "unknown reason" : message;
}

}  // namespace molmo
