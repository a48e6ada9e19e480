// SPDX-License-Identifier: Apache-2.0
#include "config/presets.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

// The defaults of the structs are Molmo-7B-D: Qwen2-7B behind CLIP ViT-L/14 at 336 pixels.
MolmoConfig molmo_7b_d() {
  MolmoConfig molmo;
  molmo.tokenizer.pad_to = molmo.model.decoder.vocab_size;
  return molmo;
}

MolmoConfig molmo_72b() {  // Qwen2-72B
  MolmoConfig molmo = molmo_7b_d();
  DecoderConfig& d = molmo.model.decoder;
  d.width = 8192;
  d.num_layers = 80;
  d.num_heads = 64, d.num_kv_heads = 8;
  d.ffn_width = 29568;
  d.norm_eps = 1e-5;
  molmo.model.connector.hidden_width = d.ffn_width;
  return molmo;
}

MolmoConfig molmo_7b_o() {  // OLMo-7B-1024-preview
  MolmoConfig molmo;
  DecoderConfig& d = molmo.model.decoder;
  d.width = 4096;
  d.num_layers = 32;
  d.num_heads = 32, d.num_kv_heads = 32;
  d.ffn_width = 11008;
  d.vocab_size = 100278, d.embedding_size = 100352;
  d.norm_after = true, d.qk_norm = true, d.qkv_bias = false;
  d.rope_theta = 5e5;
  d.init_cutoff = 3.0;
  molmo.model.connector.hidden_width = d.ffn_width;
  molmo.tokenizer.pad_to = d.vocab_size;
  molmo.tokenizer.eos_id = 100257;
  return molmo;
}

MolmoConfig molmoe_1b() {  // OLMoE-1B-7B-0924
  MolmoConfig molmo;
  DecoderConfig& d = molmo.model.decoder;
  d.block = BlockKind::kMoe;
  d.width = 2048;
  d.num_layers = 16;
  d.num_heads = 16, d.num_kv_heads = 16;
  d.ffn_width = 1024;
  d.num_experts = 64, d.experts_per_token = 8;
  d.vocab_size = 50280, d.embedding_size = 50304;
  d.norm_eps = 1e-5;
  d.qk_norm = true, d.qkv_bias = false;
  d.rope_theta = 1e4;
  d.max_positions = 32768;
  d.init_cutoff = 3.0;
  molmo.model.connector.hidden_width = d.ffn_width;
  molmo.tokenizer.eos_id = 50279;
  return molmo;
}

struct Preset {
  std::string_view name;
  MolmoConfig (*make)();
};
constexpr Preset kPresets[] = {{"molmo-7b-d", molmo_7b_d},
                               {"molmo-7b-o", molmo_7b_o},
                               {"molmoe-1b", molmoe_1b},
                               {"molmo-72b", molmo_72b}};

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

MolmoConfig preset(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (preset.name == name) return preset.make();
  }
  const std::string nearest = nearest_name(name, preset_names());
  throw Error(fmt::format("[config] no preset '{}', expected one of {}{}", name, join_text(preset_names(), ", "),
                          nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest)));
}

}  // namespace molmo::config
