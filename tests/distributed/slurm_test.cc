// SPDX-License-Identifier: Apache-2.0
#include "distributed/slurm.h"

#include <gtest/gtest.h>

#include "support/error_of.h"

namespace molmo::distributed {
namespace {

TEST(Slurm, FindsTheFirstHost) {
  const auto first = [](const std::string& list) { return first_host(list, "NODES"); };
  EXPECT_EQ(first("node"), "node");
  EXPECT_EQ(first("a1,b2"), "a1");
  EXPECT_EQ(first("node[03-05,9]"), "node03");
  EXPECT_EQ(first("node[7]"), "node7");
  EXPECT_EQ(first("rack2-n[11,14]"), "rack2-n11");
  EXPECT_EQ(first("n[1-4,7]-ib"), "n1-ib");
  EXPECT_EQ(first("a[01-02]b[3-4]"), "a01b3");
  EXPECT_EQ(first("a[01-02]b[3-4].cluster,c9"), "a01b3.cluster");
  EXPECT_EQ(first("a-b[2,4-5],c[1-2]"), "a-b2");
  for (const char* odd : {"", ",a", "n[1-4", "n[]", "n]"}) {
    EXPECT_EQ(testing::error_of([&] { first(odd); }),
              "[dist] NODES, got '" + std::string(odd) + "', expected a node list");
  }
}

TEST(Slurm, ReadsTasksByNode) {
  const auto tasks = [](const std::string& layout) { return tasks_by_node(layout, "TASKS"); };
  EXPECT_EQ(tasks("4"), std::vector<int>{4});
  EXPECT_EQ(tasks("8(x2),4"), (std::vector<int>{8, 8, 4}));
  EXPECT_EQ(tasks("1,2(x1),3(x2)"), (std::vector<int>{1, 2, 3, 3}));
  for (const char* odd : {"", "8,", "8(x0)", "8(2)", "8(x2", "-1", "0", "8 ", "8(x99999999)", "99999999999"}) {
    EXPECT_EQ(testing::error_of([&] { tasks(odd); }),
              "[dist] TASKS, got '" + std::string(odd) + "', expected tasks by node, as in 8(x2),4");
  }
}

}  // namespace
}  // namespace molmo::distributed
