// SPDX-License-Identifier: Apache-2.0
#include "formats/torch_folder.h"

#include <fmt/format.h>

#include <set>

#include "formats/safetensors_header.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFiles[] = {"model.pt", "pytorch_model.bin"};
constexpr const char* kIndexFile = "pytorch_model.bin.index.json";

}  // namespace

TorchFolder::TorchFolder(const fs::path& index) {
  const std::map<std::string, fs::path> shard_of = parse_index(index);
  std::set<fs::path> shards;
  for (const auto& [tensor, shard] : shard_of) shards.insert(shard);
  for (const fs::path& shard : shards) {
    for (const TensorView* view : files_.emplace_back(shard).tensors()) {
      if (!by_name_.emplace(view->name, view).second)
        throw Error(fmt::format("[torch] {}: tensor '{}' lies in another shard too", shard.string(), view->name));
    }
  }
  for (const auto& [tensor, shard] : shard_of) {
    if (!by_name_.contains(tensor))
      throw Error(fmt::format("[torch] {}: no tensor '{}', which {} promises", shard.string(), tensor, kIndexFile));
  }
}

const TensorView* TorchFolder::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<const TensorView*> TorchFolder::tensors() const {
  std::vector<const TensorView*> views;
  for (const auto& [name, view] : by_name_) views.push_back(view);
  return views;
}

std::unique_ptr<TensorSource> open_torch_folder(const fs::path& folder) {
  for (const char* name : kSingleFiles) {
    if (fs::is_regular_file(folder / name)) return std::make_unique<TorchFile>(folder / name);
  }
  if (fs::is_regular_file(folder / kIndexFile)) return std::make_unique<TorchFolder>(folder / kIndexFile);
  return nullptr;
}

}  // namespace molmo::formats
