// The body of the GPU's test of NCCL, over Gloo.
// SPDX-License-Identifier: Apache-2.0
#include "support/group_of_one.h"

namespace molmo::distributed {
namespace {

TEST(GroupOfOne, TrainsAsAlone) { testing::expect_training_in_a_group_of_one(at::kCPU); }

}  // namespace
}  // namespace molmo::distributed
