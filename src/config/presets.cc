// SPDX-License-Identifier: Apache-2.0
#include "config/presets.h"

#include <fmt/format.h>

#include "base/choices.h"
#include "config/native_config.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

// --- language models -------------------------------------------------------------------------------------------------

struct Llm {
  DecoderConfig decoder;
  int64_t eos_id = 151643;
  bool pads_tokenizer = true;  // fillers up to vocab_size; a tokenizer that has them itself needs none
};

Llm qwen2_7b() { return {}; }  // the defaults of the structs

Llm qwen2_72b() {
  Llm llm;
  DecoderConfig& d = llm.decoder;
  d.width = 8192;
  d.num_layers = 80;
  d.num_heads = 64, d.num_kv_heads = 8;
  d.ffn_width = 29568;
  d.norm_eps = 1e-5;
  return llm;
}

Llm qwen25_7b() {
  Llm llm;
  llm.decoder.max_positions = 131072;
  return llm;
}

Llm olmo_7b_1024() {  // OLMo-7B-1024-preview: the architecture of OLMo-2
  Llm llm{.decoder = {}, .eos_id = 100257};
  DecoderConfig& d = llm.decoder;
  d.width = 4096;
  d.num_layers = 32;
  d.num_heads = 32, d.num_kv_heads = 32;
  d.ffn_width = 11008;
  d.vocab_size = 100278, d.embedding_size = 100352;
  d.norm_after = true, d.qk_norm = true, d.qkv_bias = false;
  d.rope_theta = 5e5;
  d.init_cutoff = 3.0;
  return llm;
}

Llm olmo2_7b() { return olmo_7b_1024(); }  // OLMo-2-1124-7B: other weights, the same shape

Llm olmoe_1b_7b() {
  Llm llm{.decoder = {}, .eos_id = 50279, .pads_tokenizer = false};
  DecoderConfig& d = llm.decoder;
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
  return llm;
}

// --- vision towers ---------------------------------------------------------------------------------------------------

struct Tower {
  VitConfig vit;
  std::vector<int> layers{-3, -9};
  ResizeKind resize = ResizeKind::kFitAndPad;
};

Tower clip_l() { return {.vit = {}, .layers = {-2, -9}}; }  // ViT-L/14 at 336 pixels, without its last block

Tower metaclip_l() {
  Tower tower{.vit = {}, .resize = ResizeKind::kMetaclip};
  tower.vit.num_layers = 24;
  return tower;
}

Tower siglip_so400m() {
  Tower tower{.vit = {}, .resize = ResizeKind::kSiglip};
  VitConfig& v = tower.vit;
  v.kind = TowerKind::kSiglip;
  v.image_height = 378, v.image_width = 378;
  v.width = 1152;
  v.num_layers = 27;
  v.head_dim = 72;
  v.mlp_width = 4304;
  v.activation = Activation::kGeluTanh;
  v.num_positions = 729;
  v.norm_eps = 1e-6;
  return tower;
}

Tower dinov2_l() {
  Tower tower{.vit = {}, .resize = ResizeKind::kDino};
  VitConfig& v = tower.vit;
  v.kind = TowerKind::kDino;
  v.num_layers = 24;
  v.activation = Activation::kGelu;
  v.norm_eps = 1e-6;
  return tower;
}

// --- names -----------------------------------------------------------------------------------------------------------

template <class T>
struct Named {
  std::string_view name;
  T (*make)();
};

constexpr Named<Llm> kLlms[] = {{"qwen2-7b", qwen2_7b},       {"qwen2-72b", qwen2_72b},  {"olmo-7b-1024", olmo_7b_1024},
                                {"olmoe-1b-7b", olmoe_1b_7b}, {"qwen2.5-7b", qwen25_7b}, {"olmo2-7b", olmo2_7b}};
constexpr Named<Tower> kTowers[] = {
    {"clip-l", clip_l}, {"siglip-so400m", siglip_so400m}, {"metaclip-l", metaclip_l}, {"dinov2-l", dinov2_l}};

struct Released {
  std::string_view name, pair;
};
constexpr Released kReleased[] = {{"molmo-7b-d", "qwen2-7b+clip-l"},
                                  {"molmo-7b-o", "olmo-7b-1024+clip-l"},
                                  {"molmoe-1b", "olmoe-1b-7b+clip-l"},
                                  {"molmo-72b", "qwen2-72b+clip-l"}};

template <class Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  return names;
}

MolmoConfig join(const Llm& llm, const Tower& tower) {
  MolmoConfig molmo;
  molmo.model.decoder = llm.decoder;
  molmo.model.vit = tower.vit;
  molmo.model.connector.vit_layers = tower.layers;
  molmo.model.connector.hidden_width = llm.decoder.ffn_width;
  molmo.preprocess = preprocess_for(molmo.model);
  molmo.preprocess.resize = tower.resize;
  molmo.tokenizer.eos_id = llm.eos_id;
  if (llm.pads_tokenizer) molmo.tokenizer.pad_to = llm.decoder.vocab_size;
  return molmo;
}

template <class T, size_t N>
T make(const Named<T> (&table)[N], std::string_view name, std::string_view what) {
  for (const Named<T>& entry : table) {
    if (entry.name == name) return entry.make();
  }
  throw Error(fmt::format("[config] no {} '{}', {}", what, name, expected_one_of(name, names_of(table))));
}

}  // namespace

std::vector<std::string> preset_names() { return names_of(kReleased); }
std::vector<std::string> decoder_names() { return names_of(kLlms); }
std::vector<std::string> tower_names() { return names_of(kTowers); }

std::optional<int64_t> known_eos(int vocab_size) {
  for (const Named<Llm>& entry : kLlms) {
    if (const Llm llm = entry.make(); llm.decoder.vocab_size == vocab_size) return llm.eos_id;
  }
  return std::nullopt;
}

MolmoConfig preset(std::string_view name) {
  for (const Released& released : kReleased) {
    if (released.name == name) return preset(released.pair);
  }
  if (const size_t plus = name.find('+'); plus != std::string_view::npos) {
    return join(make(kLlms, name.substr(0, plus), "language model"), make(kTowers, name.substr(plus + 1), "tower"));
  }
  std::vector<std::string> names = preset_names();
  names.emplace_back("LLM+TOWER");
  throw Error(fmt::format("[config] no preset '{}', {}", name, expected_one_of(name, names)));
}

}  // namespace molmo::config
