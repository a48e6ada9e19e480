// How the model's parameters lie in other programs' files: names, stacked matrices, transposed ones. One table per
// layout, read in both directions. Facts: spec/model.md §4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/model_config.h"
#include "model/tensor_names.h"
#include "tensor/param_set.h"

namespace molmo::model {

enum class Layout {
  kMolmo,    ///< released 7B-D, 7B-O and 72B, and our own files: parameter names as they are
  kMolmoE,   ///< released MolmoE-1B: experts one by one, other names within a block
  kNative,   ///< the public training code: without the prefix "model."
  kLlmPart,  ///< Hugging Face's Qwen2, OLMo-2 (post-norm) or OLMoE, for the decoder alone
  kVitPart,  ///< Hugging Face's CLIP, MetaCLIP, SigLIP or DINOv2, for the tower alone
};

std::string_view layout_name(Layout layout);

/// The layout in which a model of this shape is released: a mixture's is MolmoE's own.
Layout released_layout(const config::ModelConfig& config);

/// How one tensor of a file differs from the rows that it gives to a parameter.
enum class Change {
  kNone,
  kTransposed,   ///< [a, b] <-> [b, a]
  kPatchKernel,  ///< convolution [Dv, 3, p, p] -> [Dv, p*p*3]
  kPositions,    ///< [.., rows, Dv], stretched to the tower's grid if it has another
  kFlat,         ///< [1, 1, Dv] -> [Dv]
};

/// A parameter as the rows of one or more tensors of a file, in order.
struct Recipe {
  std::string name;                  ///< of the parameter
  std::vector<int64_t> shape;        ///< of the parameter
  std::vector<std::string> sources;  ///< names in the file
  std::string fallback;              ///< taken if the only source is absent (a tied head); or ""
  Change change = Change::kNone;
};

/// Recipes for the parameters that `layout` can give, in the order of `params`.
std::vector<Recipe> make_recipes(Layout layout, const config::ModelConfig& config, const ParamSet& params);

/// Which layout a file with these tensor names has, if any.
std::optional<Layout> detect_layout(const NamedTensors& tensors);

/// The rows that a file's tensor gives to the parameter, in its dtype.
Tensor file_rows(const Recipe& recipe, const config::VitConfig& vit, const Tensor& source);

/// The parameter's value from its sources, in their dtype. Errors (as text; "" is none): shapes that do not fit.
std::string assemble(const Recipe& recipe, const config::VitConfig& vit, const std::vector<Tensor>& sources,
                     Tensor& value);

/// The other direction: the tensors of a file from a value, for kMolmo, kMolmoE and kNative.
std::vector<Tensor> take_apart(const Recipe& recipe, const Tensor& value);

}  // namespace molmo::model
