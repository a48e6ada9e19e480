// The weights of a folder as PyTorch's own files: pytorch_model.bin, or its shards and their index, as older
// repositories of the hub have them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "formats/tensor_index.h"
#include "formats/torch_file.h"

namespace molmo::formats {

/// The tensors of all shards that pytorch_model.bin.index.json names.
/// Errors: a shard that is missing, a promised tensor that is not there, a tensor that lies in two shards.
class TorchFolder : public TensorIndex {
 public:
  explicit TorchFolder(const std::filesystem::path& index);

 private:
  std::deque<TorchFile> files_;
};

/// What a folder holds in PyTorch's files, or null: model.pt of the public training code, pytorch_model.bin, or its
/// index and shards.
std::unique_ptr<TensorSource> open_torch_folder(const std::filesystem::path& folder);

}  // namespace molmo::formats
