// SPDX-License-Identifier: Apache-2.0
#include "formats/tensor_index.h"

#include <fmt/format.h>

#include "molmo/error.h"

namespace molmo::formats {

const TensorView* TensorIndex::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<const TensorView*> TensorIndex::tensors() const {
  std::vector<const TensorView*> views;
  for (const auto& [name, view] : by_name_) views.push_back(view);
  return views;
}

void TensorIndex::add(const TensorView& view, const std::filesystem::path& path) {
  if (!by_name_.emplace(view.name, &view).second)
    throw Error(fmt::format("[{}] {}: tensor '{}' lies in another shard too", format_, path.string(), view.name));
}

void TensorIndex::expect_all(const std::map<std::string, std::filesystem::path>& shard_of,
                             std::string_view index) const {
  for (const auto& [tensor, shard] : shard_of) {
    if (!by_name_.contains(tensor))
      throw Error(fmt::format("[{}] {}: no tensor '{}', which {} promises", format_, shard.string(), tensor, index));
  }
}

}  // namespace molmo::formats
