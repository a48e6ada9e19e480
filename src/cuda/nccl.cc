// c10d's NCCL back end, made here so that nothing but this library links it.
// SPDX-License-Identifier: Apache-2.0
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif
#include <torch/csrc/distributed/c10d/NCCLUtils.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "molmo/error.h"

namespace {

// Without fmt: this library links LibTorch alone.
std::string version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace

/// Why NCCL of `version` (2.28.9 is 22809) does not fit the header of this build, or empty. The options of a group hold
/// a structure of that header, allocated here and filled in by LibTorch's library: another size would overrun it.
extern "C" __attribute__((visibility("default"))) void molmo_cuda_nccl_problem(int version, std::string* problem) {
  if (version / 100 == NCCL_VERSION_CODE / 100) return;
  *problem = "NCCL at run time, got " + version_text(version) + ", expected " + std::to_string(NCCL_MAJOR) + "." +
             std::to_string(NCCL_MINOR) + ", whose header this build has seen";
}

/// A communicator of `size` ranks on the current device; rank 0's id goes through `store`. Throws c10::Error, and
/// molmo::Error for another NCCL than that of the build.
extern "C" __attribute__((visibility("default"))) void molmo_cuda_make_nccl(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, std::chrono::milliseconds timeout,
    c10::intrusive_ptr<c10d::Backend>* backend) {
  std::string problem;
  molmo_cuda_nccl_problem(c10d::getNcclVersionNumber(), &problem);
  if (!problem.empty()) throw molmo::Error("[dist] " + problem);
  // Its kernels go first wherever they and those of the model wait for the same multiprocessors: a gather that comes late
  // stops everything after it.
  auto options = c10d::ProcessGroupNCCL::Options::create(/*is_high_priority_stream=*/true);
  options->timeout = timeout;
  *backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, std::move(options));
}
