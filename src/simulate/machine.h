// GPUs that a run may be planned for, and how long what they do takes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace molmo::simulate {

/// What makers state, and the shares of it that large operators reach. The shares are assumptions until
/// scripts/gpu_check.sh has measured them.
struct Machine {
  std::string name;
  double tflops = 0.0;            ///< dense bfloat16
  double tb_per_s = 0.0;          ///< of memory
  double gib = 0.0;               ///< of memory
  double nvlink_gb_per_s = 0.0;   ///< of one GPU, in one direction
  double network_gb_per_s = 0.0;  ///< of one GPU's share of its node's network, in one direction
  int gpus_per_node = 8;
  double product_share = 0.0;    ///< of tflops
  double attention_share = 0.0;  ///< of tflops, by FlashAttention 2
  double memory_share = 0.9;     ///< of tb_per_s
  double link_share = 0.8;       ///< of either link
  double launch_us = 5.0;        ///< of host time: autograd, dispatch, launch
  double kernel_us = 2.0;        ///< the least a kernel takes
  double collective_us = 25.0;   ///< latency, and as much again for every eight ranks
  double agreement_us = 60.0;    ///< between hosts, for each rank of a ring
};

/// H100-SXM, H100-PCIe, H200, B200, A100-80GB, A100-40GB.
const std::vector<Machine>& machines();

/// Error: a name that is none of them.
const Machine& machine(std::string_view name);

}  // namespace molmo::simulate
