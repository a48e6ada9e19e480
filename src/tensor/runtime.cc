// SPDX-License-Identifier: Apache-2.0
#include "tensor/runtime.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <new>

#include "base/thread_pool.h"

namespace molmo {
namespace {
constexpr std::string_view kAdvice = "turn down the batch size, max_crops or the model size";
}  // namespace

void set_num_threads(int num_threads) {
  at::set_num_threads(num_threads > 0 ? num_threads : static_cast<int>(num_available_threads()));
}

int num_threads() { return at::get_num_threads(); }

at::Generator make_generator(uint64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(seed); }

std::optional<std::string> describe_memory_shortage(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return fmt::format("[memory] out of memory: {}", kAdvice);
  // LibTorch's allocator of the host throws its general error; only the text tells.
  const std::string_view what = error.what();
  constexpr std::string_view kHostText = "DefaultCPUAllocator: ";
  const size_t host = what.find(kHostText);
  const bool is_host = host != std::string_view::npos && what.find("allocate memory") != std::string_view::npos;
  if (!is_host && dynamic_cast<const c10::OutOfMemoryError*>(&error) == nullptr) return std::nullopt;
  const std::string_view text = is_host ? what.substr(host + kHostText.size()) : what;
  return fmt::format("[memory] {}: {}", text.substr(0, text.find_first_of("\n(")), kAdvice);
}

std::optional<Error> explain(const std::exception& error) {
  if (const auto shortage = describe_memory_shortage(error)) return Error(*shortage, ExitCode::kOutOfMemory);
  constexpr std::string_view kPrefix = "CUDA error: ";
  const std::string_view what = error.what();
  const size_t at = what.find(kPrefix);
  if (at == std::string_view::npos && dynamic_cast<const c10::AcceleratorError*>(&error) == nullptr)
    return std::nullopt;
  std::string_view reason = at == std::string_view::npos ? what : what.substr(at + kPrefix.size());
  reason = reason.substr(0, reason.find('\n'));
  if (reason.find("no kernel image") != std::string_view::npos)
    return Error(fmt::format("[device] {}, expected a GPU that LibTorch was built for (--device cpu)", reason));
  if (reason.find("out of memory") != std::string_view::npos)
    return Error(fmt::format("[memory] {} on the GPU: {}", reason, kAdvice), ExitCode::kOutOfMemory);
  return Error(fmt::format("[device] the GPU has failed: {} (the kernel's log, dmesg, may say more); start again with "
                           "--resume auto, if need be on another machine",
                           reason),
               ExitCode::kRestart);
}

}  // namespace molmo
