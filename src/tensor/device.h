// Which device to compute on. A process stays CPU-only, and starts quickly, until a CUDA device is asked for; then
// LibTorch's CUDA half and ours (libmolmo_cuda.so) are opened at run time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace molmo::tensor {

/// What the CUDA driver reports. Opens libcuda.so.1 alone, never LibTorch's CUDA half, which takes 1-2 s.
struct CudaDriver {
  int num_devices = 0;
  std::string problem;  ///< why there are none; empty if there are some
};
CudaDriver probe_cuda_driver();

/// Reads "auto", "cpu", "cuda" (device 0) or "cuda:N" and readies that device. "auto" takes CUDA only where the driver
/// opens and reports a device and the CUDA half opens; it says on the log why not if a device stays unused. "cuda"
/// opens the CUDA half, which takes 1-2 s, once. Call it before anything else that could ask LibTorch whether CUDA is
/// there: the answer is kept for good. Throws Error("[device] ...") for another text, without a driver or device N, and
/// where libmolmo_cuda.so was not built.
at::Device parse_device(const std::string& text);

/// Makes `device` this thread's current device. A new thread is on device 0, where its first call would create a
/// context of a few hundred MB. Does nothing for the CPU.
void use_device(const at::Device& device);

/// From now on CUDA devices are taken to have this compute capability (9: 9.x), and no driver is asked: for devices
/// that are simulated (simulate/gpu.h).
void simulate_compute_capability(int major);

/// Whether matrix products in bfloat16 are faster than in float32: on a GPU, and on some CPUs (cpu/processor.h). On
/// others LibTorch emulates bfloat16, an order of magnitude slower.
bool is_fast_at_bfloat16(const at::Device& device);

/// The dtype of matrix products that "fp32", "bf16" or "auto" (bf16 where the device is fast at it) means there.
/// Throws Error("[device] ...") for another text.
at::ScalarType parse_compute_type(std::string_view text, const at::Device& device);

/// Whether LibTorch may choose cuDNN's attention on a GPU. Not until it is called: cuDNN plans anew for each exact
/// shape, 20 to 40 ms of host time, the length of rows changes with every micro-batch, and that of the cache with every
/// token.
void allow_cudnn_attention(bool is_allowed);

/// Peak bytes of a GPU's memory that LibTorch's allocator has given to tensors so far.
int64_t peak_device_bytes(const at::Device& device);

/// Peak bytes that the allocator has taken from the GPU: those of tensors and the gaps between them.
int64_t reserved_device_bytes(const at::Device& device);

/// Total bytes of a GPU's memory.
int64_t total_device_bytes(const at::Device& device);

/// Opens libtorch_cuda.so and libmolmo_cuda.so and installs its kernels; does nothing the second time. The library is
/// taken from MOLMO_CUDA_LIBRARY where set, else from the program's own folder, else by the loader's rules. Needs no
/// GPU. Throws Error("[device] ...") naming the library and the loader's reason.
void open_cuda_half();

/// A function of the open CUDA half, by the name under which it exports it.
void* find_in_cuda_half(const char* symbol);

}  // namespace molmo::tensor
