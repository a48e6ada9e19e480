// One rank of a run of any size, for counting what it sends: the others do not exist, and say and hold what this one
// does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "distributed/communicator.h"

namespace molmo::simulate {

/// Collectives of tensors of the GPU are recorded (simulate/event.h); those of the CPU, by which ranks agree, too, as
/// ones that the host waits for. Groups of one rank send nothing. Rank 0 of `size`.
std::unique_ptr<distributed::Communicator> make_communicator(int size);

}  // namespace molmo::simulate
