// A model's or a part's weight files, read parameter by parameter whatever their layout.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "formats/tensor_source.h"
#include "model/layout.h"
#include "model/tensor_names.h"

namespace molmo::model {

class WeightReader {
 public:
  /// Errors: no weights; names of no known layout; a quantized copy.
  WeightReader(const config::ModelConfig& config, const std::filesystem::path& path);
  WeightReader(const config::ModelConfig& config, std::filesystem::path path,
               std::unique_ptr<formats::TensorSource> source);

  Layout layout() const { return layout_; }
  bool is_part() const { return layout_ == Layout::kLlmPart || layout_ == Layout::kVitPart; }
  const std::filesystem::path& path() const { return path_; }

  /// Recipes for `params`, checked against the names and shapes of the files; what does not fit is noted for
  /// throw_problems() and left out. Nothing is read yet.
  std::vector<Recipe> recipes(const ParamSet& params, const std::string& prefix = "");

  /// Notes every tensor of the files that no recipe uses.
  void expect_nothing_left();
  /// Of a part: notes what no recipe uses of the blocks that are read (a bias, a norm), and blocks of a language model
  /// beyond the last that is read.
  void expect_no_block_left();
  void throw_problems() const;

  /// The tensors that make a parameter, in order.
  std::vector<const formats::TensorView*> sources(const Recipe& recipe) const;
  /// Its value, in the dtype of the files.
  Tensor value(const Recipe& recipe) const;

  /// Takes values of a flattened parameter, from `begin` on, in the dtype of the files.
  using Take = std::function<void(int64_t begin, const Tensor& values)>;
  /// Hands over the values [begin, end), in order and in pieces: no more than one piece, or one tensor of a file that
  /// has to be transposed or stretched, is in memory. Bytes that nobody asked for are not touched.
  void read(const Recipe& recipe, int64_t begin, int64_t end, const Take& take) const;

 private:
  const formats::TensorView* find_exactly(const std::string& name) const;
  const formats::TensorView* find(const std::string& name) const;
  bool fits(const Recipe& recipe);
  Tensor read_values(const formats::TensorView& view, int64_t begin, int64_t count) const;

  config::ModelConfig config_;
  std::filesystem::path path_;
  std::unique_ptr<formats::TensorSource> source_;
  NamedTensors by_name_;
  Layout layout_;
  std::set<const formats::TensorView*> used_;
  std::vector<std::string> problems_;
};

}  // namespace molmo::model
