// SPDX-License-Identifier: Apache-2.0
#include "model/layout.h"

#include <charconv>
#include <optional>
#include <set>
#include <span>

#include "base/check.h"
#include "model/positions.h"
#include "molmo/error.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::model {
namespace {

constexpr std::string_view kPrefix = "model.";

// "{i}" is a block's number and "{e}" an expert's; a rule for a whole module covers its ".weight" and ".bias".
struct Rule {
  std::string_view name;                  // of the parameter, without "model."
  std::vector<std::string_view> sources;  // with "{e}": one per expert
  Change change = Change::kNone;
  std::string_view fallback = "";
};

const std::vector<Rule>& molmoe_rules() {
  static const std::vector<Rule> rules = {
      {"transformer.blocks.{i}.att_proj", {"model.transformer.blocks.{i}.attn.att_proj"}},
      {"transformer.blocks.{i}.attn_out", {"model.transformer.blocks.{i}.attn.attn_out"}},
      {"transformer.blocks.{i}.attn_norm", {"model.transformer.blocks.{i}.attn.attn_norm"}},
      {"transformer.blocks.{i}.q_norm", {"model.transformer.blocks.{i}.attn.q_norm"}},
      {"transformer.blocks.{i}.k_norm", {"model.transformer.blocks.{i}.attn.k_norm"}},
      {"transformer.blocks.{i}.ff_norm", {"model.transformer.blocks.{i}.mlp.ff_norm"}},
      {"transformer.blocks.{i}.ffn.router.layer", {"model.transformer.blocks.{i}.mlp.gate"}},
      {"transformer.blocks.{i}.ffn.experts.mlp.w1", {"model.transformer.blocks.{i}.mlp.experts.{e}.gate_proj.weight"}},
      {"transformer.blocks.{i}.ffn.experts.mlp.v1", {"model.transformer.blocks.{i}.mlp.experts.{e}.up_proj.weight"}},
      {"transformer.blocks.{i}.ffn.experts.mlp.w2",
       {"model.transformer.blocks.{i}.mlp.experts.{e}.down_proj.weight"},
       Change::kTransposed},
      {"transformer.ff_out", {"lm_head"}, Change::kNone, "model.transformer.ff_out"},
  };
  return rules;
}

const std::vector<Rule>& llm_rules() {
  static const std::vector<Rule> rules = {
      {"transformer.wte.embedding", {"model.embed_tokens.weight"}},
      {"transformer.wte.weight", {"model.embed_tokens.weight"}},
      {"transformer.blocks.{i}.att_proj",
       {"model.layers.{i}.self_attn.q_proj", "model.layers.{i}.self_attn.k_proj", "model.layers.{i}.self_attn.v_proj"}},
      {"transformer.blocks.{i}.q_proj", {"model.layers.{i}.self_attn.q_proj"}},
      {"transformer.blocks.{i}.k_proj", {"model.layers.{i}.self_attn.k_proj"}},
      {"transformer.blocks.{i}.v_proj", {"model.layers.{i}.self_attn.v_proj"}},
      {"transformer.blocks.{i}.attn_out", {"model.layers.{i}.self_attn.o_proj"}},
      {"transformer.blocks.{i}.q_norm", {"model.layers.{i}.self_attn.q_norm"}},
      {"transformer.blocks.{i}.k_norm", {"model.layers.{i}.self_attn.k_norm"}},
      {"transformer.blocks.{i}.ff_proj", {"model.layers.{i}.mlp.up_proj", "model.layers.{i}.mlp.gate_proj"}},
      {"transformer.blocks.{i}.ff_proj1", {"model.layers.{i}.mlp.gate_proj"}},
      {"transformer.blocks.{i}.ff_proj2", {"model.layers.{i}.mlp.up_proj"}},
      {"transformer.blocks.{i}.ff_out", {"model.layers.{i}.mlp.down_proj"}},
      {"transformer.blocks.{i}.ffn.router.layer", {"model.layers.{i}.mlp.gate"}},
      {"transformer.blocks.{i}.ffn.experts.mlp.w1", {"model.layers.{i}.mlp.experts.{e}.gate_proj.weight"}},
      {"transformer.blocks.{i}.ffn.experts.mlp.v1", {"model.layers.{i}.mlp.experts.{e}.up_proj.weight"}},
      {"transformer.blocks.{i}.ffn.experts.mlp.w2",
       {"model.layers.{i}.mlp.experts.{e}.down_proj.weight"},
       Change::kTransposed},
      {"transformer.ln_f", {"model.norm"}},
      {"transformer.ff_out", {"lm_head"}, Change::kNone, "model.embed_tokens"},
  };
  return rules;
}

// Hugging Face calls the norm after attention post_attention_layernorm in either place (trap T13).
const std::vector<Rule>& llm_norm_rules(bool norm_after) {
  static const std::vector<Rule> before = {
      {"transformer.blocks.{i}.attn_norm", {"model.layers.{i}.input_layernorm"}},
      {"transformer.blocks.{i}.ff_norm", {"model.layers.{i}.post_attention_layernorm"}}};
  static const std::vector<Rule> after = {
      {"transformer.blocks.{i}.attn_norm", {"model.layers.{i}.post_attention_layernorm"}},
      {"transformer.blocks.{i}.ff_norm", {"model.layers.{i}.post_feedforward_layernorm"}}};
  return norm_after ? after : before;
}

const std::vector<Rule>& clip_rules() {  // SigLIP too, which lacks the class token and the norm in front
  static const std::vector<Rule> rules = {
      {"class_embedding", {"vision_model.embeddings.class_embedding"}},
      {"positional_embedding", {"vision_model.embeddings.position_embedding.weight"}, Change::kPositions},
      {"patch_embedding.weight", {"vision_model.embeddings.patch_embedding.weight"}, Change::kPatchKernel},
      {"patch_embedding.bias", {"vision_model.embeddings.patch_embedding.bias"}},
      {"pre_ln", {"vision_model.pre_layrnorm"}},  // as the files spell it
      {"transformer.resblocks.{i}.attention.wq", {"vision_model.encoder.layers.{i}.self_attn.q_proj"}},
      {"transformer.resblocks.{i}.attention.wk", {"vision_model.encoder.layers.{i}.self_attn.k_proj"}},
      {"transformer.resblocks.{i}.attention.wv", {"vision_model.encoder.layers.{i}.self_attn.v_proj"}},
      {"transformer.resblocks.{i}.attention.wo", {"vision_model.encoder.layers.{i}.self_attn.out_proj"}},
      {"transformer.resblocks.{i}.feed_forward.w1", {"vision_model.encoder.layers.{i}.mlp.fc1"}},
      {"transformer.resblocks.{i}.feed_forward.w2", {"vision_model.encoder.layers.{i}.mlp.fc2"}},
      {"transformer.resblocks.{i}.attention_norm", {"vision_model.encoder.layers.{i}.layer_norm1"}},
      {"transformer.resblocks.{i}.ffn_norm", {"vision_model.encoder.layers.{i}.layer_norm2"}},
  };
  return rules;
}

const std::vector<Rule>& dino_rules() {
  static const std::vector<Rule> rules = {
      {"class_embedding", {"embeddings.cls_token"}, Change::kFlat},
      {"positional_embedding", {"embeddings.position_embeddings"}, Change::kPositions},
      {"patch_embedding.weight", {"embeddings.patch_embeddings.projection.weight"}, Change::kPatchKernel},
      {"patch_embedding.bias", {"embeddings.patch_embeddings.projection.bias"}},
      {"transformer.resblocks.{i}.attention.wq", {"encoder.layer.{i}.attention.attention.query"}},
      {"transformer.resblocks.{i}.attention.wk", {"encoder.layer.{i}.attention.attention.key"}},
      {"transformer.resblocks.{i}.attention.wv", {"encoder.layer.{i}.attention.attention.value"}},
      {"transformer.resblocks.{i}.attention.wo", {"encoder.layer.{i}.attention.output.dense"}},
      {"transformer.resblocks.{i}.feed_forward.w1", {"encoder.layer.{i}.mlp.fc1"}},
      {"transformer.resblocks.{i}.feed_forward.w2", {"encoder.layer.{i}.mlp.fc2"}},
      {"transformer.resblocks.{i}.attention_norm", {"encoder.layer.{i}.norm1"}},
      {"transformer.resblocks.{i}.ffn_norm", {"encoder.layer.{i}.norm2"}},
      {"transformer.resblocks.{i}.lambda1", {"encoder.layer.{i}.layer_scale1.lambda1"}},
      {"transformer.resblocks.{i}.lambda2", {"encoder.layer.{i}.layer_scale2.lambda1"}},
  };
  return rules;
}

std::string fill(std::string_view pattern, std::string_view hole, std::string_view text) {
  std::string filled(pattern);
  for (size_t at = filled.find(hole); at != std::string::npos; at = filled.find(hole, at + text.size()))
    filled.replace(at, hole.size(), text);
  return filled;
}

// What a rule's name leaves of `name`: the block's number and a suffix ("", ".weight" or ".bias").
struct Match {
  std::string block, suffix;
};

std::optional<Match> match(std::string_view pattern, std::string_view name) {
  Match found;
  if (const size_t hole = pattern.find("{i}"); hole != std::string_view::npos) {
    if (name.substr(0, hole) != pattern.substr(0, hole)) return std::nullopt;
    size_t end = hole;
    while (end < name.size() && name[end] >= '0' && name[end] <= '9') ++end;
    found.block = name.substr(hole, end - hole);
    if (found.block.empty()) return std::nullopt;
    name.remove_prefix(end);
    pattern.remove_prefix(hole + 3);
  }
  if (!name.starts_with(pattern)) return std::nullopt;
  found.suffix = name.substr(pattern.size());
  if (found.suffix.empty() || found.suffix == ".weight" || found.suffix == ".bias") return found;
  return std::nullopt;
}

Recipe apply(const Rule& rule, const Match& match, const Parameter& param, int num_experts) {
  Recipe recipe{
      .name = param.name, .shape = param.value.sizes().vec(), .sources = {}, .fallback = {}, .change = rule.change};
  for (const std::string_view source : rule.sources) {
    const std::string name = fill(source, "{i}", match.block) + match.suffix;
    if (name.find("{e}") == std::string::npos) recipe.sources.push_back(name);
    for (int expert = 0; name.find("{e}") != std::string::npos && expert < num_experts; ++expert) {
      recipe.sources.push_back(fill(name, "{e}", std::to_string(expert)));
    }
  }
  if (!rule.fallback.empty()) recipe.fallback = std::string(rule.fallback) + match.suffix;
  return recipe;
}

std::vector<std::span<const Rule>> rules_of(Layout layout, const config::ModelConfig& config) {
  switch (layout) {
    case Layout::kMolmoE:
      return {molmoe_rules()};
    case Layout::kLlmPart:
      return {llm_rules(), llm_norm_rules(config.decoder.norm_after)};
    case Layout::kVitPart:
      return {config.vit.kind == config::TowerKind::kDino ? dino_rules() : clip_rules()};
    case Layout::kMolmo:
    case Layout::kNative:
      break;
  }
  return {};
}

std::optional<Recipe> find_recipe(std::span<const std::span<const Rule>> tables, std::string_view scope,
                                  const Parameter& param, int num_experts) {
  if (!param.name.starts_with(scope)) return std::nullopt;
  const std::string_view name = std::string_view(param.name).substr(scope.size());
  for (const std::span<const Rule> table : tables) {
    for (const Rule& rule : table) {
      if (const auto found = match(rule.name, name)) return apply(rule, *found, param, num_experts);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view layout_name(Layout layout) {
  switch (layout) {
    case Layout::kMolmo:
      return "molmo";
    case Layout::kMolmoE:
      return "molmoe";
    case Layout::kNative:
      return "native";
    case Layout::kLlmPart:
      return "llm";
    case Layout::kVitPart:
      return "vit";
  }
  MOLMO_CHECK(false, "unknown layout");
}

Layout released_layout(const config::ModelConfig& config) {
  return config.decoder.block == config::BlockKind::kMoe ? Layout::kMolmoE : Layout::kMolmo;
}

std::vector<Recipe> make_recipes(Layout layout, const config::ModelConfig& config, const ParamSet& params) {
  const std::vector<std::span<const Rule>> tables = rules_of(layout, config);
  const bool is_part = layout == Layout::kLlmPart || layout == Layout::kVitPart;
  const std::string scope = layout == Layout::kVitPart ? "model.vision_backbone.image_vit." : std::string(kPrefix);
  std::vector<Recipe> recipes;
  for (const Parameter& param : params.all()) {
    if (auto recipe = find_recipe(tables, scope, param, config.decoder.num_experts)) {
      recipes.push_back(std::move(*recipe));
    } else if (!is_part) {  // the others keep their names
      const std::string name = layout == Layout::kNative ? param.name.substr(kPrefix.size()) : param.name;
      recipes.push_back({.name = param.name, .shape = param.value.sizes().vec(), .sources = {name}, .fallback = {}});
    }
  }
  return recipes;
}

std::optional<Layout> detect_layout(const NamedTensors& tensors) {
  const auto any = [&](auto&&... prefixes) {
    const auto lies_below = [&](std::string_view prefix) {
      const auto found = tensors.lower_bound(std::string(prefix));
      return found != tensors.end() && found->first.starts_with(prefix);
    };
    return (lies_below(prefixes) || ...);
  };
  if (any("model.transformer.blocks.0.attn.", "model.transformer.blocks.0.mlp.")) return Layout::kMolmoE;
  if (any("model.transformer.", "model.vision_backbone.")) return Layout::kMolmo;
  if (any("transformer.", "vision_backbone.")) return Layout::kNative;
  // Parts come with their outer module's name or without it.
  if (any("vision_model.", "embeddings.", "encoder.")) return Layout::kVitPart;
  if (any("model.layers.", "model.embed_tokens.", "layers.", "embed_tokens.")) return Layout::kLlmPart;
  return std::nullopt;
}

Tensor file_rows(const Recipe& recipe, const config::VitConfig& vit, const Tensor& source) {
  switch (recipe.change) {
    case Change::kTransposed:
      return source.dim() == 2 ? source.t() : source;
    case Change::kPatchKernel:
      return source.dim() == 4 ? source.permute({0, 2, 3, 1}).flatten(1) : source;
    case Change::kFlat:
      return source.flatten();
    case Change::kPositions: {
      if (source.dim() == 0 || source.size(-1) == 0) return source;
      const Tensor table = source.reshape({-1, source.size(-1)});
      const int64_t class_rows = vit.has_class_token() ? 1 : 0, stored = recipe.shape[0] - class_rows;
      if (table.size(0) == recipe.shape[0] || vit.grid_height() != vit.grid_width() || stored != vit.num_patches())
        return table;
      if (!is_square_grid(table.size(0) - class_rows)) return table;
      return convert_positions(table.to(at::kFloat), class_rows, vit.grid_height());
    }
    case Change::kNone:
      break;
  }
  return source;
}

std::string assemble(const Recipe& recipe, const config::VitConfig& vit, const std::vector<Tensor>& sources,
                     Tensor& value) {
  std::vector<Tensor> rows;
  for (const Tensor& source : sources) rows.push_back(file_rows(recipe, vit, source));
  const bool can_stack =
      rows.size() == 1 || std::all_of(rows.begin(), rows.end(), [&](const Tensor& r) {
        return r.dim() == rows[0].dim() && r.dim() > 0 && r.sizes().slice(1) == rows[0].sizes().slice(1);
      });
  if (can_stack) value = rows.size() == 1 ? rows[0] : at::concat(rows, 0);
  if (can_stack && value.sizes() == IntArrayRef(recipe.shape)) return "";
  std::string got;
  std::set<std::string> shapes;
  for (const Tensor& source : sources) shapes.insert(format_shape(source.sizes()));
  for (const std::string& shape : shapes) got += (got.empty() ? "" : " and ") + shape;
  const std::string from =
      recipe.sources.size() == 1 && recipe.sources[0] == recipe.name
          ? ""
          : fmt::format(" (from {}{})", recipe.sources[0], recipe.sources.size() > 1 ? ", ..." : "");
  return fmt::format("{}{}: got shape {}, expected {}", recipe.name, from, got, format_shape(recipe.shape));
}

std::vector<Tensor> take_apart(const Recipe& recipe, const Tensor& value) {
  std::vector<Tensor> parts = recipe.sources.size() == 1 ? std::vector<Tensor>{value}
                                                         : value.chunk(static_cast<int64_t>(recipe.sources.size()), 0);
  for (Tensor& part : parts) {
    MOLMO_CHECK(recipe.change == Change::kNone || recipe.change == Change::kTransposed, recipe.name);
    if (recipe.change == Change::kTransposed) part = part.t();
  }
  return parts;
}

}  // namespace molmo::model
