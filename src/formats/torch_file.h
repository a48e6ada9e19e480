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

/// The tensors of a dictionary, nested ones under "outer.inner"; what is no tensor is passed over.
/// Errors name file and tensor: no zip, no pickle, a storage that is missing or too small, an unknown dtype.
class TorchFile : public TensorSource {
 public:
  explicit TorchFile(const std::filesystem::path& path);
  const TensorView* find(const std::string& name) const override;
  std::vector<const TensorView*> tensors() const override;

 private:
  MappedFile file_;
  std::map<std::string, TensorView> tensors_;
  std::deque<std::vector<uint8_t>> rows_;  // of tensors that do not lie row-major in the file
};

}  // namespace molmo::formats
