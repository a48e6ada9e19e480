// SPDX-License-Identifier: Apache-2.0
#include "commands/model_headline.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/number_text.h"
#include "base/strings.h"
#include "config/load.h"
#include "config/presets.h"
#include "preprocess/image_tokens.h"

namespace molmo::commands {
namespace {

// The released model that this is, if it is one.
std::string released_name(const config::ModelConfig& model) {
  for (const std::string& name : config::preset_names()) {
    if (config::is_same(config::preset(name).model, model)) return name;
  }
  return "";
}

std::string tower_text(const config::VitConfig& vit) {
  return fmt::format("{}, {} layers of width {}, {}x{} pixels in patches of {}", config::enum_name(vit.kind),
                     vit.num_layers, format_count(vit.width), vit.image_width, vit.image_height, vit.patch_size);
}

std::string connector_text(const config::ConnectorConfig& connector) {
  return fmt::format("layers {} of the tower, {}x{} patches pooled to a token, hidden width {}",
                     fmt::join(connector.vit_layers, " and "), connector.pool_width, connector.pool_height,
                     format_count(connector.hidden_width));
}

std::string decoder_text(const config::DecoderConfig& decoder) {
  std::string text = fmt::format("{} layers of width {}, {} heads ({} of keys and values), vocabulary {}",
                                 decoder.num_layers, format_count(decoder.width), decoder.num_heads,
                                 decoder.num_kv_heads, format_count(decoder.vocab_size));
  if (decoder.block == config::BlockKind::kMoe)
    text += fmt::format(", {} experts of which a token takes {}", decoder.num_experts, decoder.experts_per_token);
  return text;
}

std::string crops_text(const config::PreprocessConfig& preprocess) {
  const std::string tokens = format_count(preprocess::most_image_tokens(preprocess));
  const int most = preprocess::most_crops(preprocess);
  if (most == 1) return fmt::format("the whole picture alone, {} image tokens", tokens);
  return fmt::format("an overview and up to {} crops, at most {} image tokens", most - 1, tokens);
}

// "BF16", or with shares where there are several.
std::string dtype_text(const TensorTotals& totals) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : totals.values_by_dtype)
    parts.push_back(totals.values_by_dtype.size() == 1 ? name
                                                       : fmt::format("{} ({} values)", name, format_scaled(count)));
  return join_text(parts, ", ");
}

}  // namespace

void TensorTotals::add(const formats::TensorView& view) {
  const int64_t count = view.num_values();
  ++num_tensors;
  num_values += count;
  num_bytes += count * static_cast<int64_t>(formats::dtype_size(view.dtype));
  values_by_dtype[std::string(formats::dtype_name(view.dtype))] += count;
}

std::string format_headline(const config::MolmoConfig* config, const TensorTotals& totals) {
  std::string text;
  const auto line = [&](const char* name, const std::string& value) {
    text += fmt::format("{:<11} {}\n", name, value);
  };
  if (config != nullptr) {
    if (const std::string name = released_name(config->model); !name.empty()) line("model", name);
    line("tower", tower_text(config->model.vit));
    line("connector", connector_text(config->model.connector));
    line("decoder", decoder_text(config->model.decoder));
  }
  line("parameters", fmt::format("{} ({}) in {} tensors", format_count(totals.num_values),
                                 format_scaled(totals.num_values), format_count(totals.num_tensors)));
  if (config != nullptr) line("crops", crops_text(config->preprocess));
  line("dtype", dtype_text(totals));
  line("size", format_bytes(static_cast<double>(totals.num_bytes)));
  return text;
}

Json headline_json(const config::MolmoConfig* config, const TensorTotals& totals) {
  Json json{{"num_parameters", totals.num_values},
            {"num_tensors", totals.num_tensors},
            {"num_bytes", totals.num_bytes},
            {"dtypes", totals.values_by_dtype}};
  if (config == nullptr) return json;
  const std::string name = released_name(config->model);
  json["model"] = name.empty() ? Json() : Json(name);
  json["tower"] = tower_text(config->model.vit);
  json["decoder"] = decoder_text(config->model.decoder);
  json["max_crops"] = preprocess::most_crops(config->preprocess);
  json["max_image_tokens"] = preprocess::most_image_tokens(config->preprocess);
  return json;
}

}  // namespace molmo::commands
