// Kernels with one fault each, which the shim must name.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

namespace cuda_shim {

enum class Case {
  kRight,
  kBarrierNotMet,
  kTwoBarriers,
  kLeftBeforeBarrier,
  kMissingBarrier,
  kLateBarrier,
  kUnwrittenShared,
  kTooMuchShared,
  kSharedOutOfBounds,
  kCallerNotInMask,
  kMaskBeyondWarp,
  kLaneElsewhere,
  kLaneHasLeft,
  kLaneAtBarrier,
  kInactiveLane,
  kDifferentMasks,
  kWarpWithoutSync,
  kWarpWithSync,
  kPastTheEnd,
  kBeforeTheBegin,
  kHalfPastTheEnd,
  kUnaligned,
  kWrittenTwice,
  kReadOfAnotherBlock,
  kOverflow,
};

/// values: [64]
void launch_case(Case what, float* values, dim3 grid, dim3 block, cudaStream_t stream);

/// What each lane of a warp gets from each kind of shuffle, all [32]: its neighbour by xor 5, the third above and below
/// in its half, the third of its quarter, and who votes for a multiple of three.
void launch_shuffles(int* xored, int* upper, int* lower, int* first, unsigned* ballots, cudaStream_t stream);

}  // namespace cuda_shim
