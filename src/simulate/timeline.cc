// SPDX-License-Identifier: Apache-2.0
#include "simulate/timeline.h"

#include <algorithm>
#include <map>

namespace molmo::simulate {
namespace {

constexpr double kMicro = 1e-6, kGiga = 1e9, kTera = 1e12;
constexpr double kHostLink = 25 * kGiga;  // PCIe 5 from page-locked memory, about half of it from other memory

// A ring over whole nodes is limited by NVLink or by all of a node's links to the network together; one of a GPU of
// each node by that GPU's own.
double link_rate(const Event& event, const Machine& machine) {
  const bool is_inside_node = event.group_size * event.group_stride <= machine.gpus_per_node;
  const int per_node = std::max(1, machine.gpus_per_node / event.group_stride);
  const double network = machine.network_gb_per_s * per_node;
  const double rate = is_inside_node ? machine.nvlink_gb_per_s : std::min(machine.nvlink_gb_per_s, network);
  return rate * machine.link_share * kGiga;
}

}  // namespace

double seconds_of(const Event& event, const Machine& machine) {
  switch (event.kind) {
    case EventKind::kProduct:
    case EventKind::kAttention:
    case EventKind::kElementwise: {
      const double share = event.kind == EventKind::kAttention ? machine.attention_share : machine.product_share;
      // Tensor cores take TF32 at half the rate of bfloat16, but LibTorch leaves them off for float32 by default.
      const double rate = machine.tflops * kTera * share * (event.type == at::kBFloat16 ? 1.0 : 1.0 / 16);
      const double arithmetic = event.flops / rate,
                   memory = event.bytes / (machine.tb_per_s * kTera * machine.memory_share);
      return std::max({arithmetic, memory, event.num_launches * machine.kernel_us * kMicro});
    }
    case EventKind::kCopy:
      return machine.kernel_us * kMicro + event.bytes / kHostLink;
    case EventKind::kCollective:
      return machine.collective_us * kMicro * (1.0 + event.group_size / 8.0) + event.bytes / link_rate(event, machine);
    case EventKind::kAgreement:
      return machine.agreement_us * kMicro * event.group_size;
    case EventKind::kHostRead:
    case EventKind::kCollectiveFinished:
      return 0.0;
  }
  return 0.0;
}

Times run_timeline(std::span<const Event> events, const Machine& machine) {
  Times times;
  double host = 0, device = 0;
  std::map<std::pair<int, int>, double> links;  // by group: NCCL runs the collectives of one in order
  std::map<int64_t, double> ends;               // of collectives
  for (const Event& event : events) {
    const double took = seconds_of(event, machine);
    host += event.num_launches * machine.launch_us * kMicro;
    switch (event.kind) {
      case EventKind::kCollective: {
        host += machine.launch_us * kMicro;
        double& link = links[{event.group_size, event.group_stride}];
        link = std::max({link, device, host}) + took;  // it reads what the device has computed so far
        ends[event.collective] = link;
        times.collective_seconds += took;
        break;
      }
      case EventKind::kCollectiveFinished: {
        const double end = ends[event.collective], begin = std::max(device, host);
        times.exposed_seconds += std::max(0.0, end - begin);
        device = std::max(begin, end);
        break;
      }
      case EventKind::kAgreement:
        host += took;
        break;
      default:
        if (event.num_launches > 0) {
          times.idle_seconds += std::max(0.0, host - device);
          device = std::max(device, host) + took;
          times.device_seconds += took;
        }
        if (event.waits) host = std::max(host, device);
    }
  }
  times.seconds = std::max(host, device);
  for (const auto& [group, end] : links) times.seconds = std::max(times.seconds, end);
  return times;
}

}  // namespace molmo::simulate
