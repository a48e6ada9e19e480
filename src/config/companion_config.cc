// SPDX-License-Identifier: Apache-2.0
#include "config/companion_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace molmo::config {
namespace {

// Fields of generation_config.json with the values that ask for nothing: greedy search as long as the caller says.
constexpr FixedField kPlainGeneration[] = {{"do_sample", "false"},
                                           {"temperature", "1|1.0|0|0.0"},
                                           {"top_k", "50|0|1"},
                                           {"top_p", "1|1.0"},
                                           {"min_p", ""},
                                           {"typical_p", "1|1.0"},
                                           {"num_beams", "1"},
                                           {"num_beam_groups", "1"},
                                           {"num_return_sequences", "1"},
                                           {"repetition_penalty", "1|1.0"},
                                           {"length_penalty", "1|1.0"},
                                           {"no_repeat_ngram_size", "0"},
                                           {"bad_words_ids", ""},
                                           {"suppress_tokens", ""},
                                           {"begin_suppress_tokens", ""},
                                           {"forced_bos_token_id", ""},
                                           {"forced_eos_token_id", ""},
                                           {"guidance_scale", ""},
                                           {"stop_strings", ""},
                                           {"max_new_tokens", ""},
                                           {"max_length", "20"},
                                           {"min_length", "0"},
                                           {"min_new_tokens", ""},
                                           {"sequence_bias", ""},
                                           {"penalty_alpha", ""},
                                           {"early_stopping", "false"},
                                           {"diversity_penalty", "0|0.0"}};
constexpr const char* kGenerationBookkeeping[] = {
    "_from_model_config", "transformers_version",    "bos_token_id",        "pad_token_id",
    "use_cache",          "decoder_start_token_id",  "output_attentions",   "output_hidden_states",
    "output_scores",      "return_dict_in_generate", "cache_implementation"};

constexpr FixedField kPlainPictures[] = {{"do_normalize", "true"},    {"do_rescale", "true"},
                                         {"do_resize", "true"},       {"do_convert_rgb", "true"},
                                         {"do_center_crop", "false"}, {"do_pad", "true"},
                                         {"resample", "2"},           {"crop_mode", "\"overlap-and-resize-c2\""}};
constexpr const char* kProcessorBookkeeping[] = {
    "auto_map",     "processor_class", "image_processor_type", "feature_extractor_type", "image_processor_class",
    "chat_template"};

struct PixelStatistics {
  NormalizeKind kind;
  double mean[3], deviation[3];
};
constexpr PixelStatistics kStatistics[] = {
    {NormalizeKind::kOpenai, {0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}},
    {NormalizeKind::kSiglip, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}},
    {NormalizeKind::kDino, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}};

bool is_near(const Json& list, const double (&expected)[3]) {
  if (!list.is_array() || list.size() != 3) return false;
  for (size_t i = 0; i < 3; ++i) {
    if (!list[i].is_number() || !(std::abs(list[i].get<double>() - expected[i]) < 1e-6)) return false;
  }
  return true;
}

void read_statistics(const JsonFields& f, PreprocessConfig& p) {
  if (!f.has("image_mean") && !f.has("image_std")) return;
  for (const char* key : {"image_mean", "image_std"}) f.require(std::span(&key, 1));
  for (const PixelStatistics& known : kStatistics) {
    if (!is_near(f.json().at("image_mean"), known.mean)) continue;
    if (!is_near(f.json().at("image_std"), known.deviation))
      f.fail("image_std", "that of the same tower as image_mean");
    p.normalize = known.kind;
    return;
  }
  f.fail("image_mean", "that of CLIP, of SigLIP or of ImageNet");
}

// Sizes that the model says too.
void expect_sizes(const JsonFields& f, const PreprocessConfig& p) {
  const auto expect = [&](const char* key, int expected) {
    if (f.integer(key, expected) != expected) f.fail(key, fmt::format("the model's {}", expected));
  };
  expect("image_patch_size", p.patch_size);
  expect("image_token_length_h", p.cells_high());
  expect("image_token_length_w", p.cells_wide());
  const std::vector<int> size{p.image_height, p.image_width};
  if (f.integers("base_image_input_size", size) != size)
    f.fail("base_image_input_size", fmt::format("the model's [{}, {}]", p.image_height, p.image_width));
  for (const char* key : {"size", "crop_size"}) {
    if (!f.has(key)) continue;
    const JsonFields side = f.object(key);
    if (side.integer("height", 0) != p.image_height || side.integer("width", 0) != p.image_width)
      f.fail(key, fmt::format("height {} and width {}, as the model has", p.image_height, p.image_width));
  }
  if (f.has("rescale_factor") && std::abs(f.number("rescale_factor", 0) - 1.0 / 255) > 1e-9)
    f.fail("rescale_factor", "1/255");
}

}  // namespace

std::optional<int64_t> read_end_token(const JsonFields& fields, std::optional<int64_t> known) {
  if (!fields.has("eos_token_id")) return std::nullopt;
  if (!fields.json().at("eos_token_id").is_array()) return fields.integer("eos_token_id", 0);
  const std::vector<int> ids = fields.integers("eos_token_id", {});
  if (ids.empty()) return std::nullopt;
  const bool has_known = known && std::find(ids.begin(), ids.end(), *known) != ids.end();
  return has_known ? *known : ids.front();
}

void read_generation_config(const Json& json, const std::string& where, MolmoConfig& molmo,
                            std::vector<std::string>& passed_over) {
  const JsonFields f(json, where);
  f.ignore(kGenerationBookkeeping);
  TokenizerConfig& tokenizer = molmo.tokenizer;
  const int64_t eos = read_end_token(f, tokenizer.eos_id).value_or(tokenizer.eos_id);
  if (eos != tokenizer.eos_id) {
    if (!tokenizer.bos_id) tokenizer.bos_id = tokenizer.eos_id;  // what starts a sequence stays
    tokenizer.eos_id = eos;
  }
  if (f.has("eos_token_id") && json.at("eos_token_id").is_array() && json.at("eos_token_id").size() > 1)
    passed_over.push_back(fmt::format("eos_token_id (other than {})", eos));
  for (const FixedField& field : kPlainGeneration) {
    if (f.has(field.key) && !f.has_one_of(field)) passed_over.push_back(field.key);
  }
  for (const std::string& name : f.unknown()) passed_over.push_back(name);
}

void read_processor_config(const Json& json, const std::string& where, MolmoConfig& molmo,
                           std::vector<std::string>& unknown) {
  const JsonFields outer(json, where);
  outer.ignore(kProcessorBookkeeping);
  const JsonFields f = outer.has("image_processor") ? outer.object("image_processor") : outer;
  PreprocessConfig& p = molmo.preprocess;
  f.ignore(kProcessorBookkeeping);
  f.expect_fixed(kPlainPictures);
  expect_sizes(f, p);
  read_statistics(f, p);
  p.max_crops = f.integer("max_crops", p.max_crops);
  const std::vector<int> margins = f.integers("overlap_margins", {p.overlap_margins[0], p.overlap_margins[1]});
  if (margins.size() != 2) f.fail("overlap_margins", "[left and top, right and bottom]");
  p.overlap_margins = {margins[0], margins[1]};
  if (f.flag("image_padding_mask", p.use_image_masks) != p.use_image_masks)
    f.fail("image_padding_mask", fmt::format("{}, as the model's padding embedding asks", p.use_image_masks));
  const std::vector<std::string> names = outer.unknown();
  unknown.insert(unknown.end(), names.begin(), names.end());
}

}  // namespace molmo::config
