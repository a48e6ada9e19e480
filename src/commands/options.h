// Flags that several subcommands share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/command.h"
#include "distributed/rank.h"
#include "molmo/decode_limits.h"
#include "tensor/tensor.h"

namespace molmo::commands {

/// --device, --threads, --dtype.
struct ComputeOptions {
  std::string device = "auto";
  int threads = 0;
  std::string dtype = "fp32";

  void add_to(cli::Command& command, bool with_dtype = true);
  /// Sets the thread count and opens the device. Ranks of one machine share its cores, and each takes a GPU of its own
  /// where none is named.
  at::Device open(const distributed::Rank& rank = {}) const;
  /// The dtype that `dtype` means on that device.
  at::ScalarType compute(const at::Device& on) const;
};

/// Error where a starter (torchrun, srun, mpirun) runs `command` as one of several ranks, which would all do the same
/// work and write the same files.
void expect_single_process(const std::string& command);

/// --max-pixels and what else decoding one picture may take.
struct PictureOptions {
  DecodeLimits limits;

  void add_to(cli::Command& command);
};

}  // namespace molmo::commands
