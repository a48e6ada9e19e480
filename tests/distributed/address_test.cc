// SPDX-License-Identifier: Apache-2.0
#include "distributed/address.h"

#include <gtest/gtest.h>

namespace molmo::distributed {
namespace {

using std::chrono::seconds;

Address address_of(const std::string& host) { return resolve(host, 29500, seconds(0)).front(); }

TEST(Address, KnowsTheLoopback) {
  for (const char* own : {"127.0.0.1", "127.0.1.1", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(address_of(own))) << own;
  }
  for (const char* others : {"10.0.0.7", "::", "fe80::1", "::ffff:10.0.0.7"}) {
    EXPECT_FALSE(is_loopback(address_of(others))) << others;
  }
  EXPECT_EQ(text_of(address_of("127.0.1.1")), "127.0.1.1");
  EXPECT_EQ(text_of(address_of("fe80::2%1")).substr(0, 8), "fe80::2%");
}

TEST(Address, ListensOnlyWhereItIsTold) {
  const auto listener = listen_at({address_of("127.0.0.1")}, seconds(0));
  ASSERT_TRUE(listener);
  EXPECT_EQ(own_host(*listener), "127.0.0.1");
  EXPECT_FALSE(listen_at({address_of("192.0.2.7")}, seconds(0))) << "an address of nobody";
  EXPECT_EQ(own_host(listen_everywhere(0, seconds(0))), "localhost");
}

// Other machines reach this one by it, whatever its own name leads to.
TEST(Address, IsNeverTheLoopbackForOthers) {
  for (const char* to : {"127.0.1.1", "192.0.2.7"}) {
    const auto own = address_towards(address_of(to));
    if (!own) continue;  // this machine has the loopback alone
    EXPECT_FALSE(is_loopback(*own)) << text_of(*own);
    EXPECT_TRUE(listen_at({*own}, seconds(0))) << "an address of this machine: " << text_of(*own);
  }
}

}  // namespace
}  // namespace molmo::distributed
