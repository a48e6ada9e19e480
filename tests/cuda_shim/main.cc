// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cuda_shim/device_tensors.h"

int main(int argc, char** argv) {
  cuda_shim::install_allocator();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
