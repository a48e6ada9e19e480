// Names of tensors in other programs' files: what wrappers and outer modules add to them, and what they give away of
// files that hold no plain weights.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "formats/tensor_source.h"

namespace molmo::model {

using NamedTensors = std::map<std::string, const formats::TensorView*>;

/// The tensors under the names that the layout tables have: without what torch.compile, DistributedDataParallel, FSDP
/// and activation checkpointing add in front of names or inside them, and with block groups counted through
/// (spec/model.md §4). Errors: two tensors of one name; a quantized copy; an adapter that has to be merged first.
NamedTensors plain_names(const std::vector<const formats::TensorView*>& tensors, const std::string& where);

/// The same without the components that all names begin with: "student." of "student.model.transformer...".
NamedTensors without_common_prefix(const NamedTensors& tensors);

/// Ends with an Error that calls the files a quantized copy.
[[noreturn]] void refuse_quantized(const formats::TensorView& view, const std::string& where);

}  // namespace molmo::model
