// How src/cuda chooses: launches by shape, wide accesses where they fit, operators where there is no code.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cuda/architectures.h"
#include "cuda/launch.cuh"
#include "cuda_shim/device_tensors.h"
#include "cuda_shim/memory.h"
#include "tensor/ops.h"

extern "C" const char* molmo_cuda_register(molmo::tensor::KernelTable* table);

namespace cuda_shim {
namespace {

using molmo::cuda::has_code_for;

// Accesses of global memory that were narrower than 16 bytes.
int64_t narrow_accesses(const LaunchRecord& launch) {
  int64_t count = 0;
  for (int i = 0; i < 4; ++i) count += launch.num_reads[i] + launch.num_writes[i];
  return count;
}

int64_t wide_accesses(const LaunchRecord& launch) { return launch.num_reads[4] + launch.num_writes[4]; }

void expect_launch(const dim3& grid, const dim3& block) {
  const LaunchRecord& got = last_launch();
  EXPECT_EQ((std::array{got.grid.x, got.grid.y, got.block.x, got.block.y}),
            (std::array{grid.x, grid.y, block.x, block.y}));
}

TEST(CudaLaunches, OfNormsHaveAWarpOrMorePerRow) {
  set_schedule({});
  const auto table = registered_kernels();
  struct Expected {
    int64_t num_rows, width;
    at::ScalarType type;
    dim3 grid, block;
  };
  for (const auto& [num_rows, width, type, grid, block] : {Expected{9, 64, at::kFloat, 3, dim3(32, 4)},
                                                           {9, 512, at::kBFloat16, 3, dim3(32, 4)},
                                                           {2, 3584, at::kBFloat16, 2, 224},
                                                           {2, 3584, at::kFloat, 2, 448},
                                                           {1, 16384, at::kFloat, 1, 512},
                                                           {3, 65, at::kFloat, 3, 64},
                                                           {1, 2047, at::kBFloat16, 1, 512}}) {
    const Tensor x = at::ones({num_rows, width}).to(type), weight = at::ones({width});
    table.rms_norm(x, weight, 1e-6);
    expect_launch(grid, block);
  }
  const Tensor x = at::ones({257, 72}), weight = at::ones({72});
  table.rms_norm_backward(x, x, weight, 1e-6);
  expect_launch(dim3(3, 3), dim3(32, 8));  // of the weight's gradient
}

TEST(CudaLaunches, OfRopeHaveABlockPerPosition) {
  set_schedule({});
  const auto table = registered_kernels();
  for (const auto& [num_heads, width, num_threads] :
       {std::array<int64_t, 3>{1, 64, 32}, {5, 64, 64}, {28, 128, 256}, {3, 6, 32}}) {
    const Tensor x = at::ones({2, num_heads, 7, width}), angle = at::ones({1, 1, 7, width});
    table.rope(x, angle, angle);
    expect_launch(14, static_cast<unsigned>(num_threads));
  }
}

TEST(CudaLaunches, AreAskedForErrors) {
  set_schedule({});
  const auto table = registered_kernels();
  const Tensor none = at::empty({0, 8}), weight = at::ones({8});
  EXPECT_THROW(table.rms_norm(none, weight, 1e-6), c10::Error);  // the front never passes it
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(CudaLaunches, OfMoreBlocksThanThereAreAreErrors) {
  EXPECT_EQ(molmo::cuda::num_blocks_of(0x7fffffff), 0x7fffffffu);
  EXPECT_EQ(molmo::cuda::num_blocks_of((int64_t{1} << 32) + 1), 0u);  // which CUDA refuses
  EXPECT_EQ(molmo::cuda::num_blocks_for(257, 256), 2u);
}

TEST(CudaLaunches, ReadAndWrite16BytesWhereEverythingIsAligned) {
  if (!kSeesAccesses) GTEST_SKIP() << "AddressSanitizer is in the way";
  set_schedule({});
  const auto table = registered_kernels();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const Tensor x = at::ones({4, 64}).to(type), weight = at::ones({64});
    const auto expect_wide = [&](const char* name) {
      EXPECT_EQ(narrow_accesses(last_launch()), 0) << name << " " << type;
      EXPECT_GT(wide_accesses(last_launch()), 0) << name << " " << type;
    };
    table.rms_norm(x, weight, 1e-6);
    expect_wide("rms_norm");
    table.swiglu(x, x);
    expect_wide("swiglu");
    table.swiglu_backward(x, x, x);
    expect_wide("swiglu_backward");
    const Tensor heads = x.view({1, 1, 4, 64}), angle = at::ones({1, 1, 4, 64});
    table.rope(heads, angle, angle);
    expect_wide("rope");
  }
  const Tensor keys = at::arange(3, at::kLong);
  table.row_uniforms(keys, 1, 64);
  EXPECT_EQ(last_launch().num_writes[4], 3 * 64 / 4);
  EXPECT_EQ(last_launch().num_writes[2], 0);
  // The gradient of a norm stores a scale per row besides; its last launch is that of the weight, by columns.
  const Tensor x = at::ones({4, 64}), weight = at::ones({64});
  table.rms_norm_backward(x, x, weight, 1e-6);
  EXPECT_EQ(narrow_accesses(*(launches().end() - 2)), 4);
}

TEST(CudaArchitectures, CoverLaterDevicesOfAGenerationAndAllAfterTheLast) {
  for (const int capability : {80, 86, 87, 89, 90, 100, 103, 120, 121, 130}) {
    EXPECT_TRUE(has_code_for({80, 86, 89, 90, 100, 120}, capability)) << capability;
  }
  for (const int capability : {70, 75, 110}) EXPECT_FALSE(has_code_for({80, 86, 89, 90, 100, 120}, capability));
  EXPECT_FALSE(has_code_for({86, 90}, 80));
}

// Built for 80, 86 and 90 here (CMakeLists.txt).
TEST(CudaArchitectures, WithoutCodeForADeviceTheTableStaysEmpty) {
  molmo::tensor::KernelTable table;
  set_devices({90, 75});
  ASSERT_NE(molmo_cuda_register(&table), nullptr);
  EXPECT_STREQ(molmo_cuda_register(&table), "cuda:1 has compute capability 7.5");
  EXPECT_EQ(table.rms_norm, nullptr);
  for (const auto& capabilities : {std::initializer_list<int>{80}, {86, 86}, {87}, {90, 80}, {100}, {}}) {
    set_devices(capabilities);
    table = {};
    EXPECT_EQ(molmo_cuda_register(&table), nullptr);
    EXPECT_NE(table.rms_norm, nullptr);
  }
}

}  // namespace
}  // namespace cuda_shim
