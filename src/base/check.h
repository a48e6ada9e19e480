// CHECK for invariants of our own (exit code 70), as opposed to molmo::Error for what a user can mend.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

#include "molmo/error.h"

namespace molmo {

/// A broken invariant: a bug in this program, with the place where it was noticed.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void fail_check(const char* file, int line, const char* condition, const std::string& message);

}  // namespace molmo

/// Throws InternalError with file and line unless `condition` holds; `...` is an optional std::string.
#define MOLMO_CHECK(condition, ...)                                                                  \
  do {                                                                                               \
    if (!(condition)) ::molmo::fail_check(__FILE__, __LINE__, #condition, std::string{__VA_ARGS__}); \
  } while (false)
