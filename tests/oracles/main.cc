// SPDX-License-Identifier: Apache-2.0
#include "support/golden.h"

int main(int argc, char** argv) { return molmo::testing::run_golden_parts(MOLMO_GOLDEN_GROUP, argc, argv); }
