// Parts of the program that are opened when they are asked for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include <string>

namespace molmo {

/// Where a half of the program is: what the environment variable says, else the file beside the program, else the bare
/// name for the loader's own search.
std::string path_of_half(const char* file, const char* variable);

/// Opens a library with its symbols in sight of those that follow. Throws Error with the loader's reason and `hint`.
void* open_shared_library(const std::string& path, const char* hint);

/// The loader's last complaint.
std::string loader_message();

/// A function of an open library, or nullptr.
template <class Function>
Function* find_symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace molmo
