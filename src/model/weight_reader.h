// A model's or a part's weight files, read parameter by parameter whatever their layout.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "formats/tensor_source.h"
#include "model/layout.h"

namespace molmo::model {

class WeightReader {
 public:
  /// Errors: no weights; names of no known layout.
  WeightReader(const config::ModelConfig& config, const std::filesystem::path& path);

  Layout layout() const { return layout_; }
  bool is_part() const { return layout_ == Layout::kLlmPart || layout_ == Layout::kVitPart; }

  /// Recipes for `params`, checked against the names and shapes of the files; what does not fit is noted for
  /// throw_problems() and left out. Nothing is read yet.
  std::vector<Recipe> recipes(const ParamSet& params, const std::string& prefix = "");

  /// Notes every tensor of the files that no recipe uses.
  void expect_nothing_left();
  void throw_problems() const;

  /// The tensors that make a parameter, in order.
  std::vector<const formats::TensorView*> sources(const Recipe& recipe) const;
  /// Its value, in the dtype of the files.
  Tensor value(const Recipe& recipe) const;

 private:
  void name_tensors();
  const formats::TensorView* find_exactly(const std::string& name) const;
  const formats::TensorView* find(const std::string& name) const;
  bool fits(const Recipe& recipe);

  config::ModelConfig config_;
  std::filesystem::path path_;
  std::unique_ptr<formats::TensorSource> source_;
  std::map<std::string, const formats::TensorView*> by_name_;  ///< without what wrappers and block groups add to names
  Layout layout_;
  std::set<const formats::TensorView*> used_;
  std::vector<std::string> problems_;
};

}  // namespace molmo::model
