// Who this process is among those of a run, as the program that started it says: torchrun, srun, mpirun or
// `molmo launch`. No torch here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace molmo::dist {

/// One rank. The default is a run of one process.
struct Rank {
  int index = 0, count = 1;              ///< among all ranks
  int local_index = 0, local_count = 1;  ///< among those of this machine
  std::string address = "127.0.0.1";     ///< machine of rank 0
  int port = 0;                          ///< where rank 0 listens
  int threads = 0;                       ///< that the starter gave this rank alone; 0: those of the machine are shared
  /// Who started the ranks listens at the address himself (torchrun): all ranks join, under names of this attempt.
  std::optional<std::string> agents_attempt;

  bool operator==(const Rank&) const = default;
};

/// Looks a variable up; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// Reads RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE (torchrun, molmo launch), or the variables of a Slurm step, of
/// Open MPI, or of a PMI (MPICH, Intel MPI), in this order. MASTER_ADDR and MASTER_PORT win over what can be derived:
/// the first node of a Slurm step, a port from the job's number, this machine where all ranks are on it.
/// Errors name the variable: half a set, a number that is none or out of range, no way to find rank 0.
Rank read_rank(const Environment& environment);

/// The same for the process's own environment.
Rank read_rank();

/// First host of a Slurm node list: "node[03-05,9]" -> "node03", "a1,b2" -> "a1".
std::string first_host(const std::string& node_list);

}  // namespace molmo::dist
