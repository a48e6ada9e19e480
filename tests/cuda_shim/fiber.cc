// Contexts make the stacks, jumps switch them: swapcontext() would ask the kernel for the signal mask each time.
// SPDX-License-Identifier: Apache-2.0
#include "cuda_shim/fiber.h"

#include <ucontext.h>

#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else  // which has to know whose stack is in use
static void __sanitizer_start_switch_fiber(void**, const void*, size_t) {}
static void __sanitizer_finish_switch_fiber(void*, const void**, size_t*) {}
static void __asan_unpoison_memory_region(const void*, size_t) {}
#endif

namespace cuda_shim {

Fiber::Fiber() : stack_(new char[kStackBytes]) {}

bool Fiber::holds(uintptr_t address) const { return address - reinterpret_cast<uintptr_t>(stack_.get()) < kStackBytes; }

void Fiber::start(void (*function)(void*), void* argument) {
  function_ = function;
  argument_ = argument;
  has_stack_ = is_idle_;
  is_idle_ = false;
}

void Fiber::enter(unsigned high, unsigned low) { reinterpret_cast<Fiber*>(uintptr_t{high} << 32 | low)->run(); }

void Fiber::run() {
  __sanitizer_finish_switch_fiber(nullptr, &outside_stack_, &outside_bytes_);
  for (;;) {
    function_(argument_);
    is_idle_ = true;
    give_way();
  }
}

void Fiber::jump_in() {
  if (has_stack_) _longjmp(inside_, 1);
  has_stack_ = true;
  __asan_unpoison_memory_region(stack_.get(), kStackBytes);
  static ucontext_t context;  // not on the stack that is left for good, where AddressSanitizer would keep it fenced
  getcontext(&context);
  context.uc_stack.ss_sp = stack_.get();
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);  // makecontext passes ints
  makecontext(&context, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
  setcontext(&context);
  std::abort();
}

void Fiber::resume() {
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, stack_.get(), kStackBytes);
  if (_setjmp(outside_) == 0) jump_in();
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
}

void Fiber::give_way() {
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, outside_stack_, outside_bytes_);
  if (_setjmp(inside_) == 0) _longjmp(outside_, 1);
  __sanitizer_finish_switch_fiber(fake_stack, &outside_stack_, &outside_bytes_);
}

}  // namespace cuda_shim
