// SPDX-License-Identifier: Apache-2.0
#include "simulate/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::simulate {

// Data sheets of NVIDIA (H100, H200, A100, HGX B200): dense rates, not those "with sparsity". Networks: 400 Gbit/s a
// GPU (DGX H100, DGX B200), 200 Gbit/s (DGX A100). Shares of products: about 620 TFLOP/s on an H100 SXM and 250 on an
// A100 in products of a decoder block.
const std::vector<Machine>& machines() {
  static const std::vector<Machine> all = {{.name = "H100-SXM",
                                            .tflops = 989.4,
                                            .tb_per_s = 3.35,
                                            .gib = 79.1,
                                            .nvlink_gb_per_s = 450,
                                            .network_gb_per_s = 50,
                                            .product_share = 0.63,
                                            .attention_share = 0.37},
                                           {.name = "H100-PCIe",
                                            .tflops = 756,
                                            .tb_per_s = 2.0,
                                            .gib = 79.1,
                                            .nvlink_gb_per_s = 32,
                                            .network_gb_per_s = 25,
                                            .product_share = 0.60,
                                            .attention_share = 0.37},
                                           {.name = "H200",
                                            .tflops = 989.4,
                                            .tb_per_s = 4.8,
                                            .gib = 139.8,
                                            .nvlink_gb_per_s = 450,
                                            .network_gb_per_s = 50,
                                            .product_share = 0.65,
                                            .attention_share = 0.37},
                                           {.name = "B200",
                                            .tflops = 2250,
                                            .tb_per_s = 8.0,
                                            .gib = 178.0,
                                            .nvlink_gb_per_s = 900,
                                            .network_gb_per_s = 50,
                                            .product_share = 0.60,
                                            .attention_share = 0.20},
                                           {.name = "A100-80GB",
                                            .tflops = 312,
                                            .tb_per_s = 2.04,
                                            .gib = 79.3,
                                            .nvlink_gb_per_s = 300,
                                            .network_gb_per_s = 25,
                                            .product_share = 0.80,
                                            .attention_share = 0.60},
                                           {.name = "A100-40GB",
                                            .tflops = 312,
                                            .tb_per_s = 1.56,
                                            .gib = 39.4,
                                            .nvlink_gb_per_s = 300,
                                            .network_gb_per_s = 25,
                                            .product_share = 0.80,
                                            .attention_share = 0.60}};
  return all;
}

const Machine& machine(std::string_view name) {
  const auto found =
      std::find_if(machines().begin(), machines().end(), [&](const Machine& m) { return m.name == name; });
  if (found != machines().end()) return *found;
  std::vector<std::string> names;
  for (const Machine& known : machines()) names.push_back(known.name);
  throw Error(fmt::format("[budget] --gpu, got '{}', expected {}", name, join_text(names, ", ")));
}

}  // namespace molmo::simulate
