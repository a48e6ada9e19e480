// SPDX-License-Identifier: Apache-2.0
#include "commands/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/thread_pool.h"
#include "molmo/error.h"
#include "tensor/device.h"
#include "tensor/runtime.h"

namespace molmo::commands {

void ComputeOptions::add_to(cli::Command& command, bool with_dtype) {
  command.option("--device", device, "auto, cpu, cuda or cuda:N; auto: CUDA if available, else CPU");
  command.option("--threads", threads, "intra-op threads; 0: all available").within(0, 4096);
  if (with_dtype) {
    command.option("--dtype", dtype, "dtype of matrix products; auto: bf16 on hardware with fast bf16")
        .one_of({"auto", "fp32", "bf16"});
  }
}

at::Device ComputeOptions::open(const distributed::Rank& rank) const {
  const int available = static_cast<int>(num_available_threads());
  const int share = rank.threads > 0 ? std::min(available, rank.threads) : std::max(1, available / rank.local_count);
  set_num_threads(threads > 0 ? threads : share);
  const at::Device opened = tensor::parse_device(device);
  if (!opened.is_cuda() || rank.local_count == 1 || device.find(':') != std::string::npos) return opened;
  // A starter may show each rank its own GPU alone.
  const int index = rank.local_index % tensor::probe_cuda_driver().num_devices;
  return tensor::parse_device("cuda:" + std::to_string(index));
}

at::ScalarType ComputeOptions::compute(const at::Device& on) const { return tensor::parse_compute_type(dtype, on); }

void expect_single_process(const std::string& command) {
  const distributed::Rank rank = distributed::read_rank();
  if (rank.count == 1) return;
  throw Error(
      fmt::format("[{}] got rank {} of {}, expected one process: only train shares its work among ranks; start {} "
                  "without torchrun, "
                  "or with srun -n 1",
                  command, rank.index, rank.count, command));
}

void PictureOptions::add_to(cli::Command& command) {
  constexpr int64_t kMost = int64_t{1} << 50;
  command.option("--max-pixels", limits.max_pixels, "refuse images with more pixels").within(1, kMost);
  command.option("--max-decode-bytes", limits.max_bytes, "refuse images that take more bytes of memory to decode")
      .within(1, kMost);
  command
      .option("--max-decode-seconds", limits.max_seconds,
              "refuse images that take more seconds of processor time to decode")
      .between(0.0, 1e9);
}

}  // namespace molmo::commands
