// The shim itself: it names every fault of faulty_kernels.cu, under every schedule, and leaves right kernels alone.
// SPDX-License-Identifier: Apache-2.0
#include <c10/cuda/CUDAGuard.h>
#include <gtest/gtest.h>

#include <array>

#include "cuda_shim/faulty_kernels.h"
#include "cuda_shim/grid.h"
#include "cuda_shim/memory.h"

namespace cuda_shim {
namespace {

struct Values {
  float* data = static_cast<float*>(allocate(64 * sizeof(float), 0));
  Values() { std::fill(data, data + 64, 0.0f); }
  ~Values() { release(data); }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
};

// The first fault, or nothing.
std::string fault_of(Case what, dim3 grid = 1, dim3 block = 64) {
  const c10::cuda::CUDAGuard guard(at::kCPU);
  const Values values;
  try {
    launch_case(what, values.data, grid, block, current_stream());
  } catch (const Fault& fault) {
    return fault.what();
  }
  return "";
}

void expect_fault(Case what, const std::string& text, dim3 grid = 1, dim3 block = 64) {
  for (const auto order : {Schedule::Order::kForward, Schedule::Order::kBackward, Schedule::Order::kRandom}) {
    for (const bool warp_by_warp : {false, true}) {
      set_schedule({.order = order, .warp_by_warp = warp_by_warp, .seed = 3});
      const std::string fault = fault_of(what, grid, block);
      EXPECT_NE(fault.find(text), std::string::npos) << "got '" << fault << "', expected '" << text << "'";
    }
  }
}

TEST(Shim, LeavesRightKernelsAlone) {
  for (const dim3 block : {dim3(1), dim3(48), dim3(64), dim3(8, 4, 2)}) EXPECT_EQ(fault_of(Case::kRight, 1, block), "");
  EXPECT_EQ(fault_of(Case::kWarpWithSync), "");
}

TEST(Shim, NamesBarriersThatNotAllThreadsMeet) {
  expect_fault(Case::kBarrierNotMet,
               "a barrier is not met by all: thread (0, 0, 0) is at the barrier of faulty_kernels.cu:");
  expect_fault(Case::kLeftBeforeBarrier, "thread (5, 0, 0) has left");
  expect_fault(Case::kTwoBarriers, "thread (32, 0, 0) is at the barrier of faulty_kernels.cu:");
}

TEST(Shim, NamesWarpFunctionsThatNotAllLanesReach) {
  expect_fault(Case::kCallerNotInMask, "mask fffffffe of faulty_kernels.cu:");
  expect_fault(Case::kMaskBeyondWarp, "names lanes that are not there, the warp has 16", 1, 48);
  expect_fault(Case::kLaneElsewhere, "a warp differs: thread (");
  expect_fault(Case::kLaneHasLeft, "has left");
  expect_fault(Case::kLaneAtBarrier, "waits for lane 6, but thread (");
  expect_fault(Case::kInactiveLane, "which mask 0000ffff leaves out", 1, 32);
  expect_fault(Case::kDifferentMasks, "with mask fffffffe");
}

TEST(Shim, ShufflesAsCudaDoes) {
  const c10::cuda::CUDAGuard guard(at::kCPU);
  std::array<int*, 5> out{};
  for (int*& part : out) part = static_cast<int*>(allocate(32 * sizeof(int), 0));
  launch_shuffles(out[0], out[1], out[2], out[3], reinterpret_cast<unsigned*>(out[4]), current_stream());
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(out[0][lane], lane ^ 5);
    EXPECT_EQ(out[1][lane], lane % 16 < 3 ? lane : lane - 3);
    EXPECT_EQ(out[2][lane], lane % 16 > 12 ? lane : lane + 3);
    EXPECT_EQ(out[3][lane], lane / 8 * 8 + 2);
    EXPECT_EQ(static_cast<unsigned>(out[4][lane]), 0x49249249u);
  }
  for (int* part : out) release(part);
}

TEST(Shim, RefusesLaunchesThatCudaRefuses) {
  const c10::cuda::CUDAGuard guard(at::kCPU);
  const Values values;
  for (const auto& [grid, block] : {std::pair<dim3, dim3>{0, 32},
                                    {1, 0},
                                    {1, 1056},
                                    {1, dim3(32, 33)},
                                    {1, dim3(1, 1, 65)},
                                    {dim3(1, 65536), 32},
                                    {dim3(1, 1, 65536), 32},
                                    {1u << 31, 32}}) {
    launch_case(Case::kRight, values.data, grid, block, current_stream());
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration) << grid.x << " " << grid.y << " " << block.x;
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  }
}

TEST(Shim, RefusesLaunchesElsewhereThanOnTheCurrentStreamOfAGuardedDevice) {
  const Values values;
  EXPECT_THROW(launch_case(Case::kRight, values.data, 1, 32, current_stream()), Fault);
  const c10::cuda::CUDAGuard guard(at::kCPU);
  EXPECT_THROW(launch_case(Case::kRight, values.data, 1, 32, nullptr), Fault);
}

TEST(Shim, SeesAccessesThatNoBarrierParts) {
  if (!kSeesAccesses) GTEST_SKIP() << "AddressSanitizer is in the way";
  expect_fault(Case::kMissingBarrier, "shared memory that");  // nobody has written yet, or somebody without a barrier
  expect_fault(Case::kLateBarrier, "without a barrier between the two");
  expect_fault(Case::kUnwrittenShared, "reads shared memory that nobody has written");
  expect_fault(Case::kWarpWithoutSync, "shared memory that");
  expect_fault(Case::kWrittenTwice, "writes global memory that thread");
  expect_fault(Case::kReadOfAnotherBlock, "without a barrier between the two", 2, 32);
}

TEST(Shim, SeesAccessesOutOfBoundsAndOffTheGrid) {
  if (!kSeesAccesses) GTEST_SKIP() << "AddressSanitizer is in the way";
  expect_fault(Case::kPastTheEnd, "writes 4 bytes at ");
  expect_fault(Case::kBeforeTheBegin, "4 bytes before one of 256");
  expect_fault(Case::kHalfPastTheEnd, "writes 16 bytes of which 8 are beyond the end of a buffer of 256");
  expect_fault(Case::kUnaligned, "writes 16 bytes at ");
  expect_fault(Case::kSharedOutOfBounds, "an index out of bounds at ");
  expect_fault(Case::kTooMuchShared, "52000 bytes of shared memory in a block, at most 49152");
  expect_fault(Case::kOverflow, "an overflow at ");
}

}  // namespace
}  // namespace cuda_shim
