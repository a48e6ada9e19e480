// SPDX-License-Identifier: Apache-2.0
#include "tensor/runtime.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include "base/thread_pool.h"

namespace molmo {

void set_num_threads(int num_threads) {
  at::set_num_threads(num_threads > 0 ? num_threads : static_cast<int>(num_available_threads()));
}

at::Generator make_generator(uint64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(seed); }

}  // namespace molmo
