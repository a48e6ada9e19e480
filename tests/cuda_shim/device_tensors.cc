// SPDX-License-Identifier: Apache-2.0
#include "cuda_shim/device_tensors.h"

#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "cuda_shim/memory.h"
#include "tensor/ops.h"

extern "C" const char* molmo_cuda_register(molmo::tensor::KernelTable* table);

namespace cuda_shim {
namespace {

std::vector<size_t> shifts{0};

size_t next_shift() {
  const size_t shift = shifts.front();
  if (shifts.size() > 1) shifts.erase(shifts.begin());
  return shift;
}

struct ExactAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    void* memory = cuda_shim::allocate(size, next_shift());
    return {memory, memory, release, at::kCPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t count) const override { std::memcpy(to, from, count); }
};

bool has_bits_of(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(), a.nbytes()) == 0;
}

}  // namespace

ScopedShift::ScopedShift(std::vector<size_t> bytes) : before_(std::exchange(shifts, std::move(bytes))) {}
ScopedShift::~ScopedShift() { shifts = std::move(before_); }

void install_allocator() {
  static ExactAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/255);
}

Tensor copy_at(size_t shift, const Tensor& x) {
  const ScopedShift scope(shift);
  return x.clone(at::MemoryFormat::Contiguous);
}

molmo::tensor::KernelTable registered_kernels() {
  set_devices({90});
  molmo::tensor::KernelTable table;
  EXPECT_EQ(molmo_cuda_register(&table), nullptr);
  return table;
}

std::vector<Tensor> under_every_schedule(const std::function<std::vector<Tensor>()>& call) {
  using Order = Schedule::Order;
  set_schedule({.order = Order::kForward});
  const std::vector<Tensor> first = call();
  for (const Schedule& schedule : {Schedule{.order = Order::kBackward, .warp_by_warp = true},
                                   Schedule{.order = Order::kForward, .warp_by_warp = true},
                                   Schedule{.order = Order::kBackward}, Schedule{.order = Order::kRandom, .seed = 1},
                                   Schedule{.order = Order::kRandom, .warp_by_warp = true, .seed = 2}}) {
    set_schedule(schedule);
    const std::vector<Tensor> next = call();
    for (size_t i = 0; i < first.size(); ++i)
      EXPECT_TRUE(has_bits_of(first[i], next[i]))
          << "result " << i << " of " << first[i].sizes() << " depends on the order of threads";
  }
  return first;
}

}  // namespace cuda_shim
