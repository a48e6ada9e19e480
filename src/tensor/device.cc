// SPDX-License-Identifier: Apache-2.0
#include "tensor/device.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "base/shared_library.h"
#include "molmo/error.h"
#include "tensor/cpu/processor.h"
#include "tensor/kernel_table.h"

namespace molmo::tensor {
namespace {

constexpr auto kAggregate = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);  // pools of all sizes

constexpr const char* kCudaHalf = "libmolmo_cuda.so";
void* cuda_half = nullptr;     // once it is open
int simulated_capability = 0;  // 0: the driver is asked

// The number after "cuda:", or nothing if it is no device number.
std::optional<int> parse_index(std::string_view digits) {
  int index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool is_number = error == std::errc() && end == digits.data() + digits.size();
  return is_number && index >= 0 && index <= 127 ? std::optional(index) : std::nullopt;
}

// The lengths of rows vary, and blocks of one size leave gaps that those of another do not fit: with segments that grow
// the allocator joins them. LibTorch reads this once, when its CUDA half is opened. A user's own setting counts.
void set_allocator() {
  if (std::getenv("PYTORCH_CUDA_ALLOC_CONF") == nullptr)
    ::setenv("PYTORCH_ALLOC_CONF", "expandable_segments:True", /*overwrite=*/0);
}

at::Device open_cuda_device(int index) {
  const CudaDriver driver = probe_cuda_driver();
  if (driver.num_devices == 0) throw Error("[device] no CUDA device: " + driver.problem + "; use --device cpu");
  if (index >= driver.num_devices) {
    throw Error(
        fmt::format("[device] no such CUDA device, got cuda:{}, expected one below {}", index, driver.num_devices));
  }
  open_cuda_half();
  const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  use_device(device);  // what names no device goes there too
  return device;
}

// The driver's answer, or 0. Asks without making a context on the device.
int major_compute_capability(int index) {
  if (simulated_capability > 0) return simulated_capability;
  constexpr int kMajor = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (driver == nullptr) return 0;
  const auto find_device = find_symbol<int(int*, int)>(driver, "cuDeviceGet");
  const auto attribute_of = find_symbol<int(int*, int, int)>(driver, "cuDeviceGetAttribute");
  int handle = 0, major = 0;
  if (find_device == nullptr || attribute_of == nullptr || find_device(&handle, std::max(index, 0)) != 0) return 0;
  return attribute_of(&major, kMajor, handle) == 0 ? major : 0;
}

at::Device choose_device() {
  if (probe_cuda_driver().num_devices == 0) return at::kCPU;
  try {
    return open_cuda_device(0);
  } catch (const Error& error) {
    log_warning(fmt::format("a CUDA device is there but stays unused: {}", error.what()));
    return at::kCPU;
  }
}

}  // namespace

CudaDriver probe_cuda_driver() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (driver == nullptr) return {.problem = "no driver (" + loader_message() + ")"};
  const auto initialize = find_symbol<int(unsigned)>(driver, "cuInit");
  const auto count_devices = find_symbol<int(int*)>(driver, "cuDeviceGetCount");
  if (initialize == nullptr || count_devices == nullptr) return {.problem = "libcuda.so.1 is no CUDA driver"};
  if (const int status = initialize(0); status != 0) {
    return {.problem = fmt::format("the driver does not start (cuInit gives error {})", status)};
  }
  int count = 0;
  if (const int status = count_devices(&count); status != 0) {
    return {.problem = fmt::format("the driver cannot count devices (error {})", status)};
  }
  if (count <= 0) return {.problem = "the driver reports no device"};
  return {.num_devices = count, .problem = ""};
}

void use_device(const at::Device& device) {
  if (device.is_cuda()) c10::impl::getDeviceGuardImpl(at::kCUDA)->setDevice(device);
}

void simulate_compute_capability(int major) { simulated_capability = major; }

bool is_fast_at_bfloat16(const at::Device& device) {
  constexpr int kAmpere = 8;
  return device.is_cpu() ? cpu::is_fast_at_bfloat16() : major_compute_capability(device.index()) >= kAmpere;
}

at::ScalarType parse_compute_type(std::string_view text, const at::Device& device) {
  if (text == "fp32") return at::kFloat;
  if (text == "bf16") return at::kBFloat16;
  if (text == "auto") return is_fast_at_bfloat16(device) ? at::kBFloat16 : at::kFloat;
  throw Error(fmt::format("[device] dtype '{}', expected fp32, bf16 or auto", text));
}

int64_t peak_device_bytes(const at::Device& device) {
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).allocated_bytes[kAggregate].peak;
}

int64_t reserved_device_bytes(const at::Device& device) {
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).reserved_bytes[kAggregate].peak;
}

int64_t total_device_bytes(const at::Device& device) {
  return static_cast<int64_t>(c10::getDeviceAllocator(device.type())->getMemoryInfo(device.index()).second);
}

void allow_cudnn_attention(bool is_allowed) { at::globalContext().setSDPUseCuDNN(is_allowed); }

void open_cuda_half() {
  static std::once_flag opened;  // an exception leaves it unset
  std::call_once(opened, [] {
    set_allocator();
    // In this order, and before anything asks LibTorch whether CUDA is there: it remembers the answer.
    const std::string path = path_of_half(kCudaHalf, "MOLMO_CUDA_LIBRARY");
    open_shared_library("libtorch_cuda.so", "LibTorch has no CUDA half that fits this machine (scripts/setup.sh)");
    void* half = open_shared_library(path, "it is built where a CUDA 13 toolkit is found (cmake -DMOLMO_CUDA=ON)");
    const auto fill = find_symbol<const char*(KernelTable*)>(half, "molmo_cuda_register");
    if (fill == nullptr) throw Error(fmt::format("[device] {} is not the CUDA half of this program", path));
    KernelTable table;
    if (const char* problem = fill(&table))
      log_warning(fmt::format("{}, for which {} was not built: LibTorch's operators take the place of its kernels",
                              problem, kCudaHalf));
    install_cuda_kernels(table);
    allow_cudnn_attention(false);  // which LibTorch prefers on sm_90 and later
    // Products in bf16 are summed in float32 throughout, the parts of split ones too.
    at::globalContext().setAllowBF16ReductionCuBLAS(false);
    cuda_half = half;
  });
}

void* find_in_cuda_half(const char* symbol) {
  open_cuda_half();
  return ::dlsym(cuda_half, symbol);
}

at::Device parse_device(const std::string& text) {
  if (text == "cpu") return at::kCPU;
  if (text == "auto") return choose_device();
  if (text == "cuda") return open_cuda_device(0);
  constexpr std::string_view kPrefix = "cuda:";
  if (text.starts_with(kPrefix)) {
    if (const auto index = parse_index(std::string_view(text).substr(kPrefix.size()))) return open_cuda_device(*index);
  }
  throw Error(fmt::format("[device] unknown device, got '{}', expected auto, cpu, cuda or cuda:N", text));
}

}  // namespace molmo::tensor
