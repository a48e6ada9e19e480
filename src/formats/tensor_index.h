// The tensors of several files under one list of names.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "formats/tensor_source.h"

namespace molmo::formats {

class TensorIndex : public TensorSource {
 public:
  const TensorView* find(const std::string& name) const override;
  std::vector<const TensorView*> tensors() const override;

 protected:
  /// `format` names the files in errors: "torch".
  explicit TensorIndex(std::string format) : format_(std::move(format)) {}

  /// Adds a tensor of the file `path`, which must outlive this. Error: another file has one of that name.
  void add(const TensorView& view, const std::filesystem::path& path);

  /// Error unless every tensor of `shard_of`, which the file `index` names, has been added.
  void expect_all(const std::map<std::string, std::filesystem::path>& shard_of, std::string_view index) const;

 private:
  std::string format_;
  std::map<std::string, const TensorView*> by_name_;
};

}  // namespace molmo::formats
