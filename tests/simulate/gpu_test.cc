// A GPU that is not there: shapes, values that are known, and what operators cost.
// SPDX-License-Identifier: Apache-2.0
#include "simulate/gpu.h"

#include <gtest/gtest.h>

#include "simulate/event.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

const at::TensorOptions kBFloat16 = at::TensorOptions().dtype(at::kBFloat16).device(at::kCUDA, 0);

class SimulatedGpu : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { install(); }
};

TEST_F(SimulatedGpu, AProductIsOneLaunch) {
  const Tensor a = at::empty({4096, 2048}, kBFloat16), b = at::empty({1024, 2048}, kBFloat16);
  const Recording recording;
  const Tensor c = at::linear(a, b);
  EXPECT_EQ(c.sizes(), (IntArrayRef{4096, 1024}));
  EXPECT_TRUE(c.is_cuda());
  ASSERT_EQ(recording.size(), 1u);
  const Event event = recording.events()[0];
  EXPECT_EQ(event.kind, EventKind::kProduct);
  EXPECT_EQ(event.num_launches, 1);
  EXPECT_EQ(event.flops, 2.0 * 4096 * 2048 * 1024);
  EXPECT_EQ(event.bytes, 2.0 * (4096 * 2048 + 1024 * 2048 + 4096 * 1024));
}

TEST_F(SimulatedGpu, ViewsAreFreeAndShareTheirStorage) {
  const int64_t before = live_bytes();
  const Tensor x = at::empty({2, 3, 4000, 256}, kBFloat16);
  EXPECT_EQ(live_bytes() - before, x.nbytes());
  const Recording recording;
  const Tensor y = x.transpose(1, 2).slice(1, 10, 20)[1].view({10, 3, 256});
  EXPECT_EQ(recording.size(), 0u);
  EXPECT_EQ(y.storage().data(), x.storage().data());
  EXPECT_EQ(y.storage_offset(), 3 * 4000 * 256 + 10 * 256);
  EXPECT_EQ(y.stride(1), 4000 * 256);
}

TEST_F(SimulatedGpu, KnowsSmallValuesThatComeFromTheHost) {
  const Tensor ids = at::tensor({3, -1, 5, 7}, at::kLong).to(at::Device(at::kCUDA, 0));
  const Tensor kept = (ids >= 0).nonzero().squeeze(1);
  EXPECT_EQ(kept.size(0), 3);
  EXPECT_TRUE(known_values(kept).equal(at::tensor({0, 2, 3}, at::kLong)));
  EXPECT_EQ(ids.sum().item<int64_t>(), 14);
  const Tensor large = at::empty({1 << 22}, kBFloat16);
  EXPECT_FALSE(known_values(large).defined());
  EXPECT_FALSE(known_values(large.sum()).defined());
}

TEST_F(SimulatedGpu, DifferentiatesOnAThreadOfItsOwn) {
  const Tensor x = at::empty({8192, 512}, kBFloat16).set_requires_grad(true);
  const Tensor w = at::empty({512, 512}, kBFloat16).set_requires_grad(true);
  const Recording recording;
  at::gelu(at::linear(x, w)).sum().backward();
  EXPECT_EQ(x.grad().sizes(), x.sizes());
  EXPECT_EQ(w.grad().sizes(), w.sizes());
  double flops = 0;
  for (const Event& event : recording.events()) flops += event.flops;
  EXPECT_EQ(flops, 3 * 2.0 * 8192 * 512 * 512);
}

}  // namespace
}  // namespace molmo::simulate
