// The reference's names of preprocessing options in our config structs, and plain arrays of a case's tensors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/input_config.h"
#include "formats/safetensors.h"
#include "text/tokenizer.h"

namespace molmo::testing {

/// Throws molmo::Error for an option that the product refuses.
config::PreprocessConfig preprocess_options(const Json& options);
config::ResizeKind resize_kind(const std::string& name);
config::NormalizeKind normalize_kind(const std::string& name);
text::SpecialTokens special_tokens(const Json& token_ids);

/// The tensors of NAME.safetensors beside NAME.json as arrays.
class CaseTensors {
 public:
  explicit CaseTensors(const std::filesystem::path& json_path);
  bool has(const std::string& name) const;
  std::vector<float> floats(const std::string& name) const;
  std::vector<int64_t> integers(const std::string& name) const;
  std::vector<int64_t> shape(const std::string& name) const;

 private:
  const formats::TensorView& view(const std::string& name) const;
  std::optional<formats::SafetensorsFile> file_;
};

/// How values of a resize kind are compared: absolutely, or, for those that round to 8 bits, up to one level of
/// `levels`.
struct ValueTolerance {
  double value = 2e-6, mean = 1e-6, sum = 3e-4;
  std::vector<double> level;  ///< per channel: one 8-bit level after normalisation; empty for the float path
};
ValueTolerance value_tolerance(config::ResizeKind resize, config::NormalizeKind normalize);

}  // namespace molmo::testing
