// Who this process is among those of a run, as the program that started it says: torchrun, srun, mpirun or
// `molmo launch`. No torch here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace molmo::distributed {

/// One rank. The default is a run of one process.
struct Rank {
  int index = 0, count = 1;              ///< among all ranks
  int local_index = 0, local_count = 1;  ///< among those of this machine
  std::string address = "127.0.0.1";     ///< machine of rank 0: a name or an address, without brackets
  int port = 0;                          ///< where rank 0 listens
  bool is_local = true;                  ///< the starter says that all ranks are on this machine
  int threads = 0;                       ///< that the starter gave this rank alone; 0: those of the machine are shared
  /// The starter itself listens at the address (torchrun): all ranks join, under names of this attempt.
  std::optional<std::string> agents_attempt;
  /// A socket that the starter has opened for rank 0 to listen on (`molmo launch`), so that its port cannot be taken.
  std::optional<int> listener;

  bool operator==(const Rank&) const = default;
};

/// Looks a variable up; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// Reads RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE (torchrun, molmo launch), or the variables of Open MPI, of a
/// PMI (MPICH, Intel MPI, PALS), or of a Slurm step, in this order: mpirun in a Slurm job sees the variables of both. A
/// shell of salloc and a batch script are runs of their own. MASTER_ADDR and MASTER_PORT win over what can be derived:
/// the first node of a Slurm step, a port from the numbers of job and step, the loopback where all ranks are on one
/// machine. Errors name the variable: an incomplete set, text that is no number or out of range, no way to find rank 0.
Rank read_rank(const Environment& environment);

/// The same for the process's own environment.
Rank read_rank();

}  // namespace molmo::distributed
