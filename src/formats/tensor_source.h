// Named tensors in files, whatever the format: safetensors, or the .pt of torch.save.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace molmo::formats {

enum class DType { kF64, kF32, kF16, kBF16, kF8E4M3, kF8E5M2, kI64, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool };

size_t dtype_size(DType dtype);            ///< bytes of one value
std::string_view dtype_name(DType dtype);  ///< "F32"
bool holds_weights(DType dtype);           ///< plain floating point: what is narrower or whole is a quantized weight

/// One tensor inside mapped files, row-major. Bytes may lie at any address: copy before typed access.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const uint8_t> data;
  std::vector<std::span<const uint8_t>> rest;  ///< what follows `data` where slices lie in several files (slices.h)
  bool is_mapped = true;  ///< the bytes lie in mapped files: their pages can be dropped and come back

  int64_t num_values() const;
  size_t num_bytes() const;
  /// Copies bytes from `begin` on, as many as `out` holds; with `drops` the pages are dropped after it.
  void read(size_t begin, std::span<uint8_t> out, bool drops = false) const;
};

class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual const TensorView* find(const std::string& name) const = 0;
  virtual std::vector<const TensorView*> tensors() const = 0;  ///< sorted by name

  /// Copies bytes of one of these tensors, from `begin` on, as many as `out` holds; mapped pages are dropped.
  virtual void read(const TensorView& view, size_t begin, std::span<uint8_t> out) const {
    view.read(begin, out, /*drops=*/true);
  }
};

/// Opens a .pt or .safetensors file, or a folder of safetensors (SafetensorsFolder), or one that has PyTorch's files
/// instead: a model.pt, a pytorch_model.bin or its shards (TorchFolder).
/// Errors: nothing of that kind; a damaged file.
std::unique_ptr<TensorSource> open_tensors(const std::filesystem::path& path);

}  // namespace molmo::formats
