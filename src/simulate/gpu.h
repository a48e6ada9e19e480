// A GPU that computes nothing: CUDA tensors on a machine without CUDA, so that the code that a GPU runs can be run, and
// its operators counted, anywhere.
//
// LibTorch's CUDA half is a library of its own, and without it the dispatcher has no kernels for CUDA tensors.
// install() puts one function in their place, which sees every operator that would start a kernel: those that remain
// after LibTorch and this program have taken all their decisions for a GPU. It finds the shapes of the results (by
// LibTorch's kernels of meta tensors), allocates them, and tells an observer. Values are kept only where they are small
// and come from the host (token ids, the ends of sequences): what shapes and the program's flow may depend on.
//
//   simulate::install();
//   simulate::Recording recording;
//   ... // on at::Device(at::kCUDA, 0)
//   for (const simulate::Event& event : recording.events()) ...
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace molmo::simulate {

/// Once per process, which must not have opened the CUDA half; for good.
void install();

/// Bytes of the tensors that are alive on the simulated GPU, and the most since the last reset_peak().
int64_t live_bytes();
int64_t peak_bytes();
void reset_peak();

/// The values of a tensor of the simulated GPU on the CPU, where they are known; else undefined.
Tensor known_values(const Tensor& tensor);

/// For what is written by other means than LibTorch's operators.
void forget_values(const Tensor& tensor);

}  // namespace molmo::simulate
