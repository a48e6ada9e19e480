// SPDX-License-Identifier: Apache-2.0
#include "formats/torch_folder.h"

#include <set>

#include "formats/safetensors_header.h"

namespace molmo::formats {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFiles[] = {"model.pt", "pytorch_model.bin"};
constexpr const char* kIndexFile = "pytorch_model.bin.index.json";

}  // namespace

TorchFolder::TorchFolder(const fs::path& index) : TensorIndex("torch") {
  const std::map<std::string, fs::path> shard_of = parse_index(index);
  std::set<fs::path> shards;
  for (const auto& [tensor, shard] : shard_of) shards.insert(shard);
  for (const fs::path& shard : shards) {
    for (const TensorView* view : files_.emplace_back(shard).tensors()) add(*view, shard);
  }
  expect_all(shard_of, kIndexFile);
}

std::unique_ptr<TensorSource> open_torch_folder(const fs::path& folder) {
  for (const char* name : kSingleFiles) {
    if (fs::is_regular_file(folder / name)) return std::make_unique<TorchFile>(folder / name);
  }
  if (fs::is_regular_file(folder / kIndexFile)) return std::make_unique<TorchFolder>(folder / kIndexFile);
  return nullptr;
}

}  // namespace molmo::formats
