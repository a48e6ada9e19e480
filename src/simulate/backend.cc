// SPDX-License-Identifier: Apache-2.0
#include "simulate/backend.h"

#include <cstring>

#include "simulate/memory.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

const void* address_of(const Tensor& tensor) { return tensor.storage().data(); }

Tensor allocate_like(const Tensor& made) {
  const size_t num_bytes = made.storage().nbytes();
  return with_storage(c10::Storage(c10::Storage::use_byte_size_t(), num_bytes, gpu_allocator().allocate(num_bytes),
                                   &gpu_allocator(), /*resizable=*/true),
                      c10::DispatchKey::CUDA, made);
}

}  // namespace

bool is_known(const Tensor& tensor) {
  return !is_simulated(tensor) || tensor.storage().nbytes() == 0 || host_values(address_of(tensor)) != nullptr;
}

Tensor with_storage(c10::Storage storage, c10::DispatchKey key, const Tensor& like) {
  Tensor made = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), like.dtype());
  made.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  return made;
}

Tensor Backend::stand_in(const Tensor& tensor) const {
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

c10::IValue Backend::stand_in(const c10::IValue& value) const {
  if (value.isTensor()) return stand_in(value.toTensor());
  if (value.isDevice() && value.toDevice().is_cuda()) return c10::Device(has_values_ ? c10::kCPU : c10::kMeta);
  if (value.isTensorList()) {
    c10::List<Tensor> list;
    for (const Tensor& tensor : value.toTensorVector()) list.push_back(stand_in(tensor));
    return list;
  }
  if (value.isList() && value.toList().elementType()->kind() == c10::TypeKind::OptionalType) {
    c10::List<std::optional<Tensor>> list;
    for (const c10::IValue& element : value.toListRef())
      list.push_back(element.isTensor() ? std::optional(stand_in(element.toTensor())) : std::nullopt);
    return list;
  }
  return value;
}

Tensor Backend::keep(const Tensor& made) const {
  if (!made.defined()) return made;
  Tensor kept = allocate_like(made);
  if (has_values_ && made.storage().nbytes() > 0 && made.storage().nbytes() <= kMostKnownBytes)
    std::memcpy(add_host_values(address_of(kept)), made.storage().data(), made.storage().nbytes());
  return kept;
}

void Backend::update(const Tensor& kept, const Tensor& made) const {
  if (!is_simulated(kept)) return;
  if (kept.sizes() != made.sizes()) {
    const size_t num_bytes = made.storage().nbytes();
    kept.storage().unsafeGetStorageImpl()->set_data_ptr_noswap(gpu_allocator().allocate(num_bytes));
    kept.storage().unsafeGetStorageImpl()->set_nbytes(num_bytes);
    kept.unsafeGetTensorImpl()->set_sizes_and_strides(made.sizes(), made.strides());
  }
  if (kept.storage().nbytes() == 0) return;
  if (!has_values_) return drop_host_values(address_of(kept));
  void* const values = add_host_values(address_of(kept));
  if (made.storage().data() != values) std::memcpy(values, made.storage().data(), kept.storage().nbytes());
}

}  // namespace molmo::simulate
