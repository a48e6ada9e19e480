// A loaded model small enough for unit tests, whose answers depend on the picture and on every word of the prompt.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "generate/generator.h"
#include "model/tiny_config.h"
#include "tensor/ops.h"

namespace molmo::testing {

/// One id for each character from ' ' to '_' but the last, which ends an answer; small letters count as capitals.
class CharacterTokenizer : public text::Tokenizer {
 public:
  static constexpr int64_t kEnd = 63;

  std::vector<int64_t> encode(std::string_view text) const override {
    std::vector<int64_t> ids;
    for (const char c : text) ids.push_back((c >= 'a' && c <= 'z' ? c - 32 : c >= ' ' && c < '_' ? c : '?') - ' ');
    return ids;
  }
  std::string decode(std::span<const int64_t> ids, bool) const override {
    std::string text;
    for (const int64_t id : ids) text += token_bytes(id);
    return text;
  }
  std::string token_bytes(int64_t id) const override {
    return id >= 0 && id <= kEnd ? std::string(1, static_cast<char>(' ' + id)) : "";
  }
  int64_t size() const override { return 69; }
  int64_t added_token_id(std::string_view) const override { return -1; }
};

inline generate::LoadedModel tiny_loaded_model(bool byte_patches = false) {
  generate::LoadedModel loaded;
  loaded.config.model = tiny_model_config();
  loaded.config.model.decoder.max_positions = 1024;
  config::PreprocessConfig& preprocess = loaded.config.preprocess;
  preprocess.image_height = preprocess.image_width = 8;
  preprocess.patch_size = 2;
  preprocess.max_crops = 2;
  preprocess.overlap_margins = {0, 0};
  if (byte_patches) {
    preprocess.resize = config::ResizeKind::kSiglip;
    preprocess.byte_patches = true;
  }
  const auto molmo = std::make_shared<model::Molmo>(loaded.config.model);
  molmo->params().materialize(at::kCPU, 11);
  for (Parameter& param : molmo->params().all()) {
    // So that tokens differ, by what the layers see and not by the last word alone.
    const bool is_embedding = param.name.find("wte") != std::string::npos;
    if (param.init.kind == Init::Kind::kNormal && !is_embedding) param.value.mul_(12.0);
  }
  loaded.molmo = molmo;
  loaded.tokenizer = {std::make_shared<CharacterTokenizer>(),
                      {.im_start = 64,
                       .im_end = 65,
                       .im_patch = 66,
                       .im_col = 67,
                       .image = 68,
                       .bos = CharacterTokenizer::kEnd,
                       .eos = CharacterTokenizer::kEnd}};
  loaded.fingerprint = "tiny";
  return loaded;
}

/// Pictures of the same size that look different.
inline image::Picture striped_picture(int number, int width = 24, int height = 16) {
  image::Picture picture(width, height);
  for (size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = static_cast<uint8_t>(i * static_cast<size_t>(5 + 17 * number) % 251);
  return picture;
}

}  // namespace molmo::testing
