// Tensors that stand for those of the simulated GPU while an operator is worked out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>
#include <c10/core/DispatchKey.h>
#include <c10/core/Storage.h>

#include "tensor/tensor.h"

namespace molmo::simulate {

/// Values are kept of allocations up to this size.
inline constexpr size_t kMostKnownBytes = size_t{1} << 22;

inline bool is_simulated(const Tensor& tensor) { return tensor.defined() && tensor.is_cuda(); }

/// Whether the values of a tensor are known; those of the host are.
bool is_known(const Tensor& tensor);

/// A tensor of another backend with the place of `like` in its storage.
Tensor with_storage(c10::Storage storage, c10::DispatchKey key, const Tensor& like);

/// Meta tensors, which find shapes; or, where all values are known, CPU tensors on those values.
class Backend {
 public:
  explicit Backend(bool has_values) : has_values_(has_values) {}

  c10::DispatchKey key() const { return has_values_ ? c10::DispatchKey::CPU : c10::DispatchKey::Meta; }
  bool has_values() const { return has_values_; }

  Tensor stand_in(const Tensor& tensor) const;
  c10::IValue stand_in(const c10::IValue& value) const;  ///< tensors, lists of them, and the device

  /// The GPU's tensor for a new result.
  Tensor keep(const Tensor& made) const;

  /// What `made`, which stood in for `kept` and was written, does to it: another size, other knowledge of its values.
  void update(const Tensor& kept, const Tensor& made) const;

 private:
  bool has_values_;
};

}  // namespace molmo::simulate
