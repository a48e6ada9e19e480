// A function on a stack of its own, which gives way where it must wait.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <setjmp.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace cuda_shim {

class Fiber {
 public:
  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Readies function(argument). What has not returned on this stack is forgotten, its destructors too.
  void start(void (*function)(void*), void* argument);
  /// Goes on with the function until it gives way or returns.
  void resume();
  /// From within: back to who called resume().
  void give_way();

  bool holds(uintptr_t address) const;

 private:
  static void enter(unsigned high, unsigned low);
  void run();
  [[noreturn]] void jump_in();

  static constexpr size_t kStackBytes = 64 << 10;
  std::unique_ptr<char[]> stack_;
  jmp_buf inside_, outside_;
  bool has_stack_ = false;  // whether inside_ is a place on it
  bool is_idle_ = false;
  void (*function_)(void*) = nullptr;
  void* argument_ = nullptr;
  const void* outside_stack_ = nullptr;  // as AddressSanitizer has it
  size_t outside_bytes_ = 0;
};

}  // namespace cuda_shim
