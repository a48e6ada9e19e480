// SPDX-License-Identifier: Apache-2.0
#include "simulate/gpu.h"

#include <torch/library.h>

#include <mutex>

#include "simulate/backend.h"
#include "simulate/kernels.h"
#include "simulate/memory.h"
#include "simulate/operators.h"
#include "simulate/runtime.h"
#include "tensor/device.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

// Operators that LibTorch has composed of others for devices without a kernel of their own, which CUDA has.
bool has_cuda_kernel(const std::string& name) {
  return name.starts_with("aten::_foreach_") || name == "aten::native_layer_norm" || name == "aten::_grouped_mm";
}

void install_operators() {
  static torch::Library all(torch::Library::IMPL, "_", c10::DispatchKey::CUDA, __FILE__, __LINE__);
  all.fallback(torch::CppFunction::makeFromBoxedFunction<&run_operator>());
  static torch::Library aten(torch::Library::IMPL, "aten", c10::DispatchKey::CUDA, __FILE__, __LINE__);
  aten.impl("copy_", torch::CppFunction::makeFromBoxedFunction<&copy_operator>());
  aten.impl("_local_scalar_dense", torch::CppFunction::makeFromBoxedFunction<&read_operator>());
  for (const char* name : {"nonzero", "equal", "masked_select", "repeat_interleave.Tensor"})
    aten.impl(name, torch::CppFunction::makeFromBoxedFunction<&value_operator>());
  aten.impl("bincount", torch::CppFunction::makeFromBoxedFunction<&count_operator>());
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    if (!has_cuda_kernel(name.name) || name.overload_name.find("out") != std::string::npos) continue;
    const std::string full = name.name.substr(6) + (name.overload_name.empty() ? "" : "." + name.overload_name);
    aten.impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&run_operator>());
  }
}

}  // namespace

Tensor known_values(const Tensor& tensor) {
  if (!is_simulated(tensor)) return tensor;
  return is_known(tensor) ? Backend(/*has_values=*/true).stand_in(tensor) : Tensor();
}

void forget_values(const Tensor& tensor) {
  if (is_simulated(tensor) && tensor.storage().nbytes() > 0) drop_host_values(tensor.storage().data());
}

void install() {
  static std::once_flag once;
  std::call_once(once, [] {
    install_runtime();
    install_operators();
    tensor::simulate_compute_capability(9);
    tensor::install_cuda_kernels(simulated_kernels());
  });
}

}  // namespace molmo::simulate
