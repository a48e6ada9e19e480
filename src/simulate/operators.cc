// SPDX-License-Identifier: Apache-2.0
#include "simulate/operators.h"

#include <ATen/core/LegacyTypeDispatch.h>

#include "molmo/error.h"
#include "simulate/backend.h"
#include "simulate/cost.h"
#include "simulate/shapes.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

using c10::IValue;
using c10::OperatorHandle;
using torch::jit::Stack;

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
    for (size_t k = 0; k < kept.size(); ++k) backend.update(kept[k], changed[k]);
  }
  std::vector<IValue> results;
  for (size_t i = 0; i < made.size(); ++i)
    results.push_back(keep_result(backend, call, call.schema.returns()[i], made[i]));
  return results;
}

}  // namespace

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

}  // namespace molmo::simulate
