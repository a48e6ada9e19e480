// Times of recorded events, worked out by hand.
// SPDX-License-Identifier: Apache-2.0
#include "simulate/timeline.h"

#include <gtest/gtest.h>

#include "molmo/error.h"
#include "support/error_of.h"

namespace molmo::simulate {
namespace {

// 1 TFLOP/s, 1 TB/s, 1 GB/s of links, all reached; a launch takes 10 us of the host.
Machine simple_machine() {
  return {.name = "simple",
          .tflops = 1,
          .tb_per_s = 1,
          .gib = 1,
          .nvlink_gb_per_s = 1,
          .network_gb_per_s = 0.125,
          .product_share = 1,
          .attention_share = 0.5,
          .memory_share = 1,
          .link_share = 1,
          .launch_us = 10,
          .kernel_us = 1,
          .collective_us = 0,
          .agreement_us = 5};
}

Event kernel(double ms) { return {.num_launches = 1, .bytes = ms * 1e9}; }
Event gather(int64_t number, double ms) {
  return {.kind = EventKind::kCollective, .bytes = ms * 1e6, .collective = number, .group_size = 8};
}
Event finished(int64_t number) { return {.kind = EventKind::kCollectiveFinished, .collective = number}; }

TEST(Timeline, AnEventTakesWhatIsSlower) {
  const Machine machine = simple_machine();
  EXPECT_DOUBLE_EQ(seconds_of(kernel(2), machine), 2e-3);
  EXPECT_DOUBLE_EQ(seconds_of({.num_launches = 3}, machine), 3e-6);
  Event product{.kind = EventKind::kProduct, .num_launches = 1, .bytes = 1e6, .flops = 3e9, .type = at::kBFloat16};
  EXPECT_DOUBLE_EQ(seconds_of(product, machine), 3e-3);
  product.kind = EventKind::kAttention;
  EXPECT_DOUBLE_EQ(seconds_of(product, machine), 6e-3);
  product.type = at::kFloat;
  EXPECT_DOUBLE_EQ(seconds_of(product, machine), 16 * 6e-3);  // no tensor cores
}

TEST(Timeline, ACollectiveHidesBehindKernelsAndIsWaitedForWhereItIsNeeded) {
  const std::vector<Event> hidden = {gather(0, 2), kernel(3), finished(0), kernel(1)};
  const Times times = run_timeline(hidden, simple_machine());
  EXPECT_NEAR(times.seconds, 4e-3, 5e-5);
  EXPECT_NEAR(times.exposed_seconds, 0, 5e-5);
  const std::vector<Event> exposed = {kernel(1), gather(0, 2), finished(0), kernel(1)};
  EXPECT_NEAR(run_timeline(exposed, simple_machine()).seconds, 4e-3, 5e-5);
  EXPECT_NEAR(run_timeline(exposed, simple_machine()).exposed_seconds, 2e-3, 5e-5);
  const std::vector<Event> queued = {gather(0, 2), gather(1, 2), kernel(1), finished(0), kernel(1), finished(1)};
  EXPECT_NEAR(run_timeline(queued, simple_machine()).seconds, 4e-3, 5e-5) << "one at a time";
}

TEST(Timeline, TheHostLimitsSmallKernelsAndWaits) {
  const std::vector<Event> small(100, Event{.num_launches = 1, .bytes = 1});
  EXPECT_NEAR(run_timeline(small, simple_machine()).seconds, 100 * 10e-6 + 1e-6, 1e-9);
  std::vector<Event> waits(10, kernel(1));
  const double ahead = run_timeline(waits, simple_machine()).seconds;
  for (Event& event : waits) event.waits = true;
  EXPECT_NEAR(run_timeline(waits, simple_machine()).seconds - ahead, 9 * 10e-6, 1e-9);
}

TEST(Timeline, LinksAreThoseOfTheGroup) {
  const Machine machine = simple_machine();
  const auto ms = [&](int size, int stride) {
    Event event = gather(0, 1);
    event.group_size = size, event.group_stride = stride;
    return 1e3 * seconds_of(event, machine);
  };
  EXPECT_DOUBLE_EQ(ms(8, 1), 1);   // NVLink
  EXPECT_DOUBLE_EQ(ms(64, 1), 1);  // all eight links of a node
  EXPECT_DOUBLE_EQ(ms(8, 8), 8);   // one GPU of each node, by its own link
}

TEST(Machine, NamesThatAreKnown) {
  for (const Machine& known : machines()) {
    EXPECT_EQ(machine(known.name).name, known.name);
    for (const double share : {known.product_share, known.attention_share, known.memory_share, known.link_share})
      EXPECT_TRUE(share > 0 && share <= 1) << known.name;
  }
  EXPECT_EQ(testing::error_of([] { machine("V100"); }),
            "[budget] --gpu, got 'V100', expected H100-SXM, H100-PCIe, H200, B200, A100-80GB, A100-40GB");
}

}  // namespace
}  // namespace molmo::simulate
