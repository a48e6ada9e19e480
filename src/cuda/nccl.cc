// c10d's NCCL back end, made here so that nothing but this library links it.
// SPDX-License-Identifier: Apache-2.0
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

/// A communicator of `size` ranks on the current device; rank 0's id goes through `store`. Throws c10::Error.
extern "C" __attribute__((visibility("default"))) void molmo_cuda_make_nccl(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, std::chrono::milliseconds timeout,
    c10::intrusive_ptr<c10d::Backend>* backend) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  *backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, std::move(options));
}
