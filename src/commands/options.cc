// SPDX-License-Identifier: Apache-2.0
#include "commands/options.h"

#include <CLI/CLI.hpp>

#include "tensor/device.h"
#include "tensor/runtime.h"

namespace molmo::commands {

void ComputeOptions::add_to(CLI::App& command, bool with_dtype) {
  command
      .add_option("--device", device, "auto, cpu, cuda or cuda:N; auto takes CUDA only where a driver reports a device")
      ->capture_default_str();
  command.add_option("--threads", threads, "threads of one operator; 0: all available")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  if (with_dtype) {
    command.add_option("--dtype", dtype, "dtype of matrix products; auto: bf16 where the device is fast at it")
        ->check(CLI::IsMember({"auto", "fp32", "bf16"}))
        ->capture_default_str();
  }
}

at::Device ComputeOptions::open() const {
  set_num_threads(threads);
  return tensor::parse_device(device);
}

at::ScalarType ComputeOptions::compute(const at::Device& on) const { return tensor::parse_compute_type(dtype, on); }

}  // namespace molmo::commands
