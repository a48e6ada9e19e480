// CPU tensors that the shim takes for a GPU's: every one of this program lies in memory of exact size (memory.h), and
// starts where a ScopedShift puts it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "cuda_shim/grid.h"
#include "tensor/kernel_table.h"

namespace cuda_shim {

using at::Tensor;

/// While one exists, tensors are made so many bytes after a multiple of 64, fewer than 64: the next one as the first
/// entry says, and so on, all that follow as the last one says.
class ScopedShift {
 public:
  explicit ScopedShift(std::vector<size_t> bytes);
  explicit ScopedShift(size_t bytes) : ScopedShift(std::vector{bytes}) {}
  ~ScopedShift();
  ScopedShift(const ScopedShift&) = delete;
  ScopedShift& operator=(const ScopedShift&) = delete;

 private:
  std::vector<size_t> before_;
};

/// Makes every CPU tensor from now on one of exact size.
void install_allocator();

/// A copy of `x`, dense, that starts `shift` bytes after a multiple of 64.
Tensor copy_at(size_t shift, const Tensor& x);

/// The kernels that src/cuda registers on a machine with one GPU.
molmo::tensor::KernelTable registered_kernels();

/// Runs `call` under every schedule, expects the same bits of each, and returns them.
std::vector<Tensor> under_every_schedule(const std::function<std::vector<Tensor>()>& call);

}  // namespace cuda_shim
