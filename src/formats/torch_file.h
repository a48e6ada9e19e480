// A .pt file of torch.save (zip with a pickle): its tensors, read without executing anything.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>

#include "base/files.h"
#include "formats/tensor_source.h"

namespace molmo::formats {

/// Whether a file exists and begins as torch.save's do.
bool is_torch_file(const std::filesystem::path& path);

/// What a file holds: views into its bytes, or into `rows` for tensors that do not lie row-major in it.
struct TorchTensors {
  std::map<std::string, TensorView> by_name;
  std::deque<std::vector<uint8_t>> rows;
};

/// Reads the bytes of a whole file; `where` names it in errors.
TorchTensors parse_torch(std::span<const uint8_t> file, const std::string& where);

/// The tensors of a dictionary, nested ones under "outer.inner"; what is no tensor is passed over.
/// Errors name file and tensor: no zip, no pickle, a storage that is missing or too small, an unknown dtype.
class TorchFile : public TensorSource {
 public:
  explicit TorchFile(const std::filesystem::path& path);
  const TensorView* find(const std::string& name) const override;
  std::vector<const TensorView*> tensors() const override;

 private:
  MappedFile file_;
  TorchTensors tensors_;
};

}  // namespace molmo::formats
