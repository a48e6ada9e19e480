// SPDX-License-Identifier: Apache-2.0
#include "tensor/device.h"

#include <gtest/gtest.h>

#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

std::string message_of(const std::string& device) {
  try {
    parse_device(device);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Device, ReadsCpu) { EXPECT_TRUE(parse_device("cpu").is_cpu()); }

TEST(Device, RefusesAnotherText) {
  for (const char* text : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:999", "CPU"}) {
    EXPECT_EQ(message_of(text),
              "[device] unknown device, got '" + std::string(text) + "', expected auto, cpu, cuda or cuda:N");
  }
}

TEST(Device, NamesTheReasonWhyThereIsNoCudaDevice) {
  const CudaDriver driver = probe_cuda_driver();
  if (driver.num_devices > 0) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_FALSE(driver.problem.empty());
  EXPECT_EQ(message_of("cuda"), "[device] no CUDA device: " + driver.problem + "; use --device cpu");
  EXPECT_TRUE(parse_device("auto").is_cpu());
}

TEST(MemoryShortage, IsToldApartFromOtherErrors) {
  try {
    at::empty({int64_t{1} << 46});
    FAIL();
  } catch (const std::exception& error) {
    const auto text = describe_memory_shortage(error);
    ASSERT_TRUE(text.has_value()) << error.what();
    EXPECT_NE(text->find("turn down the batch size"), std::string::npos) << *text;
  }
  EXPECT_TRUE(describe_memory_shortage(std::bad_alloc()).has_value());
  EXPECT_FALSE(describe_memory_shortage(std::runtime_error("other")).has_value());
}

}  // namespace
}  // namespace molmo::tensor
