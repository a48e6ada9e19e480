// Which build of the program this is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace molmo {

/// The version and a number that is that of the linked code: of the program, its halves and LibTorch, as their linkers
/// have stamped them (GNU build ids). Two builds of one source may differ, one build on two machines does not.
std::string program_id();

}  // namespace molmo
