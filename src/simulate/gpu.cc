// SPDX-License-Identifier: Apache-2.0
#include "simulate/gpu.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <mutex>

#include "base/check.h"
#include "molmo/error.h"
#include "simulate/cost.h"
#include "simulate/event.h"
#include "simulate/kernels.h"
#include "simulate/memory.h"
#include "simulate/runtime.h"
#include "simulate/shapes.h"
#include "tensor/device.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

using c10::IValue;
using c10::OperatorHandle;
using torch::jit::Stack;

// Values are kept of allocations up to this size.
constexpr size_t kMostKnownBytes = size_t{1} << 22;

bool is_simulated(const Tensor& tensor) { return tensor.defined() && tensor.is_cuda(); }

const void* address_of(const Tensor& tensor) { return tensor.storage().data(); }

// A tensor of another backend with the place of `like` in its storage.
Tensor with_storage(c10::Storage storage, c10::DispatchKey key, const Tensor& like) {
  Tensor made = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), like.dtype());
  made.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  return made;
}

Tensor allocate_like(const Tensor& made) {
  const size_t num_bytes = made.storage().nbytes();
  return with_storage(c10::Storage(c10::Storage::use_byte_size_t(), num_bytes, gpu_allocator().allocate(num_bytes),
                                   &gpu_allocator(), /*resizable=*/true),
                      c10::DispatchKey::CUDA, made);
}

// --- the backends that do the work -----------------------------------------------------------------------------------

// Runs operators on tensors that stand for those of the GPU: meta tensors, or, where all values are known, CPU tensors
// on those values.
class Backend {
 public:
  explicit Backend(bool has_values) : has_values_(has_values) {}

  c10::DispatchKey key() const { return has_values_ ? c10::DispatchKey::CPU : c10::DispatchKey::Meta; }

  Tensor stand_in(const Tensor& tensor) const {
    if (!tensor.defined() || (has_values_ && tensor.is_cpu())) return tensor;
    const size_t num_bytes = tensor.storage().nbytes();
    const c10::Device device(has_values_ ? c10::kCPU : c10::kMeta);
    void* const values = has_values_ ? add_host_values(address_of(tensor)) : nullptr;
    Tensor made = with_storage(c10::Storage(c10::Storage::use_byte_size_t(), num_bytes, c10::DataPtr(values, device),
                                            c10::GetAllocator(device.type()), /*resizable=*/true),
                               key(), tensor);
    if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) made.unsafeGetTensorImpl()->set_wrapped_number(true);
    return made;
  }

  IValue stand_in(const IValue& value) const {
    if (value.isTensor()) return stand_in(value.toTensor());
    if (value.isDevice() && value.toDevice().is_cuda()) return c10::Device(has_values_ ? c10::kCPU : c10::kMeta);
    if (value.isTensorList()) {
      c10::List<Tensor> list;
      for (const Tensor& tensor : value.toTensorVector()) list.push_back(stand_in(tensor));
      return list;
    }
    if (value.isList() && value.toList().elementType()->kind() == c10::TypeKind::OptionalType) {
      c10::List<std::optional<Tensor>> list;
      for (const IValue& element : value.toListRef())
        list.push_back(element.isTensor() ? std::optional(stand_in(element.toTensor())) : std::nullopt);
      return list;
    }
    return value;
  }

  // The GPU's tensor for a new result.
  Tensor keep(const Tensor& made) const {
    if (!made.defined()) return made;
    Tensor kept = allocate_like(made);
    if (has_values_ && made.storage().nbytes() > 0 && made.storage().nbytes() <= kMostKnownBytes)
      std::memcpy(add_host_values(address_of(kept)), made.storage().data(), made.storage().nbytes());
    return kept;
  }

 private:
  bool has_values_;
};

bool is_known(const Tensor& tensor) {
  return !is_simulated(tensor) || tensor.storage().nbytes() == 0 || host_values(address_of(tensor)) != nullptr;
}

// An argument that is written: what a smaller or larger result does to it, and what it knows afterwards.
void update_written(const Tensor& kept, const Tensor& made, bool has_values) {
  if (!is_simulated(kept)) return;
  if (kept.sizes() != made.sizes()) {
    const size_t num_bytes = made.storage().nbytes();
    kept.storage().unsafeGetStorageImpl()->set_data_ptr_noswap(gpu_allocator().allocate(num_bytes));
    kept.storage().unsafeGetStorageImpl()->set_nbytes(num_bytes);
    kept.unsafeGetTensorImpl()->set_sizes_and_strides(made.sizes(), made.strides());
  }
  if (kept.storage().nbytes() == 0) return;
  if (!has_values) return drop_host_values(address_of(kept));
  void* const values = add_host_values(address_of(kept));
  if (made.storage().data() != values) std::memcpy(values, made.storage().data(), kept.storage().nbytes());
}

// --- the operator -----------------------------------------------------------------------------------------------------

struct Call {
  const OperatorHandle& op;
  const c10::FunctionSchema& schema;
  std::vector<IValue> arguments;

  std::string name() const {
    const std::string& overload = schema.overload_name();
    return overload.empty() ? schema.name() : schema.name() + "." + overload;
  }
};

bool writes(const c10::Argument& argument) {
  return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
}

// Operators without a kernel on the CPU.
bool is_of_cuda_alone(const std::string& name) {
  return name.starts_with("aten::_flash_attention") || name.starts_with("aten::_scaled_dot_product_flash_attention") ||
         name.starts_with("aten::mm.dtype") || name.starts_with("aten::addmm.dtype") || name == "aten::_fused_adamw_";
}

// All that the operator reads is known, and what it makes will be small enough.
bool has_known_inputs(const Call& call) {
  if (is_of_cuda_alone(call.name())) return false;
  size_t num_bytes = 0;
  bool has_tensor = false;
  for (const IValue& value : call.arguments) {
    for (const Tensor& tensor : tensors_in(value)) {
      has_tensor = true;
      num_bytes = std::max(num_bytes, static_cast<size_t>(tensor.nbytes()));
      if (!is_known(tensor)) return false;
    }
  }
  if (has_tensor) return num_bytes <= kMostKnownBytes;
  for (const IValue& value : call.arguments) {  // a factory
    if (!value.isIntList()) continue;
    size_t count = 8;
    for (const int64_t size : value.toIntVector()) count *= static_cast<size_t>(std::max<int64_t>(size, 0));
    return count <= kMostKnownBytes;
  }
  return true;
}

void expect_one_device(const Call& call) {
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    for (const Tensor& tensor : tensors_in(call.arguments[i])) {
      const bool may_be_here = tensor.dim() == 0 || call.schema.arguments()[i].name() == "state_steps";
      if (!tensor.is_cuda() && !may_be_here) {
        throw Error(fmt::format("[simulate] {}: argument '{}' is on {}, expected cuda:0 as the others", call.name(),
                                call.schema.arguments()[i].name(), tensor.device().str()),
                    ExitCode::kBug);
      }
    }
  }
}

std::vector<IValue> run_on(const Backend& backend, const Call& call, const std::vector<IValue>& inputs) {
  if (backend.key() == c10::DispatchKey::Meta) {
    if (const ShapeFunction function = shape_function(call.name())) return function(inputs);
  }
  Stack stack(inputs.begin(), inputs.end());
  call.op.redispatchBoxed(c10::DispatchKeySet(backend.key()), &stack);
  return stack;
}

// The argument that a result is (a!) or looks into (a).
const size_t* aliased_argument(const Call& call, const c10::Argument& result, size_t& found) {
  if (result.alias_info() == nullptr) return nullptr;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const c10::AliasInfo* own = call.schema.arguments()[i].alias_info();
    if (own != nullptr && own->beforeSets() == result.alias_info()->beforeSets()) return &(found = i);
  }
  return nullptr;
}

IValue keep_result(const Backend& backend, const Call& call, const c10::Argument& result, const IValue& made) {
  size_t index = 0;
  const size_t* const aliased = aliased_argument(call, result, index);
  if (aliased != nullptr && writes(call.schema.arguments()[*aliased])) return call.arguments[*aliased];
  if (made.isTensor()) {
    if (aliased == nullptr || !made.toTensor().defined()) return backend.keep(made.toTensor());
    const Tensor& viewed = call.arguments[*aliased].toTensor();
    return with_storage(viewed.storage(), c10::DispatchKey::CUDA, made.toTensor());
  }
  if (made.isTensorList()) {
    c10::List<Tensor> list;
    for (const Tensor& tensor : made.toTensorVector()) list.push_back(backend.keep(tensor));
    return list;
  }
  return made;
}

std::vector<IValue> run(const Call& call) {
  const bool has_values = has_known_inputs(call);
  const Backend backend(has_values);
  std::vector<IValue> inputs;
  for (const IValue& value : call.arguments) inputs.push_back(backend.stand_in(value));
  const std::vector<IValue> made = run_on(backend, call, inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!writes(call.schema.arguments()[i])) continue;
    const std::vector<Tensor> kept = tensors_in(call.arguments[i]), changed = tensors_in(inputs[i]);
    for (size_t k = 0; k < kept.size(); ++k) update_written(kept[k], changed[k], has_values);
  }
  std::vector<IValue> results;
  for (size_t i = 0; i < made.size(); ++i)
    results.push_back(keep_result(backend, call, call.schema.returns()[i], made[i]));
  return results;
}

void run_operator(const OperatorHandle& op, Stack* stack) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const c10::FunctionSchema& schema = op.schema();
  const size_t count = schema.arguments().size();
  const Call call{op, schema, {stack->end() - static_cast<ptrdiff_t>(count), stack->end()}};
  expect_one_device(call);
  std::vector<IValue> results;
  try {
    results = run(call);
  } catch (const c10::NotImplementedError&) {
    throw Error(
        fmt::format("[simulate] operator {} has no shape function, expected one in simulate/shapes.cc", call.name()),
        ExitCode::kBug);
  }
  if (std::optional<Event> event = cost_of(schema, call.arguments, results)) record(std::move(*event));
  stack->erase(stack->end() - static_cast<ptrdiff_t>(count), stack->end());
  stack->insert(stack->end(), results.begin(), results.end());
}

// --- operators between host and device ---------------------------------------------------------------------------------

void copy_values(const Tensor& to, const Tensor& from) {
  const Backend values(/*has_values=*/true);
  if (to.storage().nbytes() > kMostKnownBytes || !is_known(from)) {
    if (is_simulated(to)) {
      update_written(to, to, /*has_values=*/false);
    } else {
      to.fill_(1);  // as a single value that is read
    }
    return;
  }
  values.stand_in(to).copy_(values.stand_in(from));
}

// copy_(Tensor(a!) self, Tensor src, bool non_blocking) -> Tensor(a!)
void copy_operator(const OperatorHandle&, Stack* stack) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const bool is_asynchronous = torch::jit::pop(*stack).toBool();
  const Tensor from = torch::jit::pop(*stack).toTensor(), to = torch::jit::pop(*stack).toTensor();
  copy_values(to, from);
  Event event{.name = "copy_", .num_launches = 1, .bytes = distinct_bytes(from) + distinct_bytes(to)};
  if (!is_simulated(from) || !is_simulated(to)) {
    const Tensor& host = is_simulated(from) ? to : from;
    event.kind = EventKind::kCopy;
    event.name = is_simulated(from) ? "copy to the host" : "copy to the device";
    event.waits = !(is_asynchronous && is_pinned(host.storage().data()));
    event.bytes = static_cast<double>(from.nbytes());
  }
  if (event.bytes > 0) record(std::move(event));
  torch::jit::push(*stack, to);
}

// The host waits for a value. Where it is not known it is 1: a loss, a norm.
void read_operator(const OperatorHandle& op, Stack* stack) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const Tensor tensor = torch::jit::pop(*stack).toTensor();
  record({.kind = EventKind::kHostRead,
          .name = op.schema().name().substr(6),
          .bytes = static_cast<double>(tensor.nbytes()),
          .waits = true});
  const Tensor known = known_values(tensor);
  torch::jit::push(*stack, known.defined() ? known.item() : at::Scalar(1.0));
}

// Operators whose results have a shape that depends on values: the host waits for it.
void value_operator(const OperatorHandle& op, Stack* stack) {
  for (size_t i = 0; i < op.schema().arguments().size(); ++i) {
    for (const Tensor& tensor : tensors_in(torch::jit::peek(*stack, i, op.schema().arguments().size()))) {
      if (!is_known(tensor)) {
        throw Error(fmt::format("[simulate] the shape of {} depends on values that a simulated GPU does not have",
                                op.schema().name()),
                    ExitCode::kBug);
      }
    }
  }
  record({.kind = EventKind::kHostRead, .name = op.schema().name().substr(6), .waits = true});
  run_operator(op, stack);
}

// bincount(Tensor self, Tensor? weights, SymInt minlength) -> Tensor: of values that are not known, as those of experts
// that a router has chosen, all get the same share.
void count_operator(const OperatorHandle& op, Stack* stack) {
  const Tensor values = torch::jit::peek(*stack, 0, 3).toTensor();
  const int64_t least = torch::jit::peek(*stack, 2, 3).toInt();
  if (is_known(values) || least == 0) return value_operator(op, stack);
  record({.kind = EventKind::kHostRead, .name = "bincount", .num_launches = 2, .waits = true});
  const Tensor counts = at::full({least}, values.numel() / least, at::kLong);
  counts[0] += values.numel() % least;
  torch::jit::drop(*stack, 3);
  torch::jit::push(*stack, Backend(/*has_values=*/true).keep(counts));
}

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
  if (is_simulated(tensor) && tensor.storage().nbytes() > 0) drop_host_values(address_of(tensor));
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
