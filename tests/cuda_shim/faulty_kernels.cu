// SPDX-License-Identifier: Apache-2.0
#include "cuda/launch.cuh"
#include "cuda_shim/faulty_kernels.h"

namespace cuda_shim {
namespace {

constexpr unsigned kAll = 0xffffffffu;

struct alignas(16) Four {
  float values[4];
};

__device__ void misuse_barrier(Case what, float* values) {
  __shared__ float shared[64];
  const int i = threadIdx.x;
  if (what == Case::kLeftBeforeBarrier && i == 5) return;
  if (what == Case::kTwoBarriers && i < 32) {
    __syncthreads();
  } else if (what != Case::kBarrierNotMet || i != 7) {
    __syncthreads();
  }
  shared[i] = values[i];
  if (what != Case::kMissingBarrier) __syncthreads();
  values[i] = shared[63 - i];
  if (what == Case::kLateBarrier) shared[i] = 1.0f;  // while the neighbour may still read it
  __syncthreads();
}

__device__ void misuse_shared(Case what, float* values) {
  __shared__ float shared[13000];
  const int i = threadIdx.x;
  if (what == Case::kUnwrittenShared) values[i] = shared[i];
  if (what == Case::kTooMuchShared)
    for (int at = i; at < 13000; at += blockDim.x) shared[at] = 1.0f;
  if (what == Case::kSharedOutOfBounds) shared[i == 3 ? 13000 : i] = 1.0f;
}

__device__ void misuse_warp(Case what, float* values) {
  const int i = threadIdx.x, lane = i % 32;
  if (what == Case::kCallerNotInMask) __shfl_xor_sync(0xfffffffeu, values[i], 2);
  if (what == Case::kMaskBeyondWarp) __shfl_xor_sync(kAll, values[i], 1);  // of a block of 48
  if (what == Case::kLaneElsewhere) {
    if (lane == 9) {
      __syncwarp();
    } else {
      __shfl_xor_sync(kAll, values[i], 1);
    }
  }
  if (what == Case::kLaneHasLeft && lane == 4) return;
  if (what == Case::kLaneHasLeft) __syncwarp();
  if (what == Case::kLaneAtBarrier && lane != 6) __syncwarp();
  if (what == Case::kLaneAtBarrier) __syncthreads();
  if (what == Case::kInactiveLane && lane < 16) values[i] = __shfl_xor_sync(0xffffu, values[i], 16);
  if (what == Case::kDifferentMasks) __syncwarp(lane < 16 ? kAll : 0xfffffffeu);
  if (what == Case::kWarpWithoutSync || what == Case::kWarpWithSync) {
    __shared__ float shared[64];
    shared[i] = values[i];
    if (what == Case::kWarpWithSync) __syncwarp();
    values[i] = shared[i ^ 1];
  }
}

__device__ void misuse_memory(Case what, float* values) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (what == Case::kPastTheEnd) values[i + 1] = 1.0f;
  if (what == Case::kBeforeTheBegin && i == 0) values[i] = values[i - 1];
  if (what == Case::kHalfPastTheEnd && i == 0) *reinterpret_cast<Four*>(values + 64 - 2) = Four{};
  if (what == Case::kUnaligned && i == 0) *reinterpret_cast<Four*>(values + 2) = Four{};
  if (what == Case::kWrittenTwice) values[i / 2] = 1.0f;
  if (what == Case::kReadOfAnotherBlock) values[i] = values[(i + 32) % 64];
  if (what == Case::kOverflow) values[i] = static_cast<float>(i + 0x7fffffff);
}

__global__ void faulty_kernel(Case what, float* values) {
  if (what == Case::kRight) values[(threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x] = 1.0f;
  if (what >= Case::kBarrierNotMet && what <= Case::kLateBarrier) misuse_barrier(what, values);
  if (what >= Case::kUnwrittenShared && what <= Case::kSharedOutOfBounds) misuse_shared(what, values);
  if (what >= Case::kCallerNotInMask && what <= Case::kWarpWithSync) misuse_warp(what, values);
  if (what >= Case::kPastTheEnd) misuse_memory(what, values);
}

__global__ void shuffle_kernel(int* xored, int* upper, int* lower, int* first, unsigned* ballots) {
  const int lane = threadIdx.x;
  xored[lane] = __shfl_xor_sync(kAll, lane, 5);
  upper[lane] = __shfl_up_sync(kAll, lane, 3, 16);
  lower[lane] = __shfl_down_sync(kAll, lane, 3, 16);
  first[lane] = __shfl_sync(kAll, lane, 2, 8);
  ballots[lane] = __ballot_sync(kAll, lane % 3 == 0);
}

}  // namespace

void launch_case(Case what, float* values, dim3 grid, dim3 block, cudaStream_t stream) {
  molmo::cuda::launch_kernel(faulty_kernel, grid, block, stream, what, values);
}

void launch_shuffles(int* xored, int* upper, int* lower, int* first, unsigned* ballots, cudaStream_t stream) {
  molmo::cuda::launch_kernel(shuffle_kernel, 1, 32, stream, xored, upper, lower, first, ballots);
}

}  // namespace cuda_shim
