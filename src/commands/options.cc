// SPDX-License-Identifier: Apache-2.0
#include "commands/options.h"

#include "tensor/device.h"
#include "tensor/runtime.h"

namespace molmo::commands {

void ComputeOptions::add_to(cli::Command& command, bool with_dtype) {
  command.option("--device", device, "auto, cpu, cuda or cuda:N; auto takes CUDA only where a driver reports a device");
  command.option("--threads", threads, "threads of one operator; 0: all available").within(0, 4096);
  if (with_dtype) {
    command.option("--dtype", dtype, "dtype of matrix products; auto: bf16 where the device is fast at it")
        .one_of({"auto", "fp32", "bf16"});
  }
}

at::Device ComputeOptions::open() const {
  set_num_threads(threads);
  return tensor::parse_device(device);
}

at::ScalarType ComputeOptions::compute(const at::Device& on) const { return tensor::parse_compute_type(dtype, on); }

}  // namespace molmo::commands
