// What -fsanitize=thread and -fsanitize=bounds,signed-integer-overflow call, in place of the sanitizers' libraries.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cuda_shim/grid.h"
#include "cuda_shim/memory.h"

namespace {

// How every description that g++ hands to its checks begins.
struct Place {
  const char* file;
  uint32_t line, column;
};

void fail_at(const void* description, const char* problem) {
  const auto* place = static_cast<const Place*>(description);
  if (cuda_shim::running() == nullptr) throw cuda_shim::Fault(problem);
  cuda_shim::fail(fmt::format("{} at {}:{}", problem, place->file, place->line));
}

}  // namespace

#define MOLMO_ACCESS(size)                                                               \
  void __tsan_read##size(void* p) { cuda_shim::check_access(p, size, false); }           \
  void __tsan_write##size(void* p) { cuda_shim::check_access(p, size, true); }           \
  void __tsan_unaligned_read##size(void* p) { cuda_shim::check_access(p, size, false); } \
  void __tsan_unaligned_write##size(void* p) { cuda_shim::check_access(p, size, true); }

extern "C" {

MOLMO_ACCESS(1)
MOLMO_ACCESS(2)
MOLMO_ACCESS(4)
MOLMO_ACCESS(8)
MOLMO_ACCESS(16)
void __tsan_read_range(void* p, size_t size) { cuda_shim::check_access(p, size, false); }
void __tsan_write_range(void* p, size_t size) { cuda_shim::check_access(p, size, true); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

void __ubsan_handle_out_of_bounds(void* description, uintptr_t) { fail_at(description, "an index out of bounds"); }
void __ubsan_handle_add_overflow(void* description, uintptr_t, uintptr_t) { fail_at(description, "an overflow"); }
void __ubsan_handle_sub_overflow(void* description, uintptr_t, uintptr_t) { fail_at(description, "an overflow"); }
void __ubsan_handle_mul_overflow(void* description, uintptr_t, uintptr_t) { fail_at(description, "an overflow"); }
void __ubsan_handle_divrem_overflow(void* description, uintptr_t, uintptr_t) { fail_at(description, "an overflow"); }
void __ubsan_handle_negate_overflow(void* description, uintptr_t) { fail_at(description, "an overflow"); }

}  // extern "C"
