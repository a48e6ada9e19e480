// A model folder small enough for unit tests: tiny weights, and a tokenizer trained on a few words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/molmo_config.h"
#include "model/model_folder.h"
#include "model/molmo.h"
#include "model/tiny_config.h"
#include "model/weights.h"
#include "tensor/ops.h"
#include "text/load_tokenizer.h"
#include "text/train_sentencepiece.h"

namespace molmo::testing {

/// Pictures of 8x8 pixels and up to four crops; answers are arbitrary. `pieces` are texts of one token each.
inline config::MolmoConfig tiny_molmo_config() {
  config::MolmoConfig molmo;
  molmo.model = tiny_model_config();
  molmo.model.decoder.vocab_size = molmo.model.decoder.embedding_size = 512;
  molmo.model.decoder.max_positions = 512;
  molmo.preprocess.image_height = molmo.preprocess.image_width = 8;
  molmo.preprocess.patch_size = 2;
  molmo.preprocess.overlap_margins = {0, 0};
  molmo.preprocess.max_crops = 4;
  molmo.tokenizer = {.file = "tokenizer.model", .pad_to = 512, .bos_id = 1, .eos_id = 2};
  return molmo;
}

/// Writes the folder. `change` may set weights before they are written, by the tokenizer.
inline void write_tiny_folder(
    const std::filesystem::path& folder, const std::vector<std::string>& pieces = {},
    const std::function<void(ParamSet& params, const text::MolmoTokenizer& tokenizer)>& change = {}) {
  const config::MolmoConfig config = tiny_molmo_config();
  std::filesystem::create_directories(folder);
  std::vector<std::string> sentences;
  for (const char* word : {"point", "to", "the", "dogs", "cats", "how", "many", "are", "there", "what", "is", "it"})
    sentences.push_back(std::string(" User: ") + word + " Assistant:");
  text::SentencePieceOptions options;
  options.vocab_size = 380;
  options.user_defined_symbols = pieces;
  text::train_sentencepiece(sentences, options, folder / config.tokenizer.file);
  model::Molmo molmo(config.model);
  molmo.params().materialize(at::kCPU, 11);
  for (Parameter& param : molmo.params().all()) {
    if (param.init.kind == Init::Kind::kNormal) param.value.mul_(6.0);  // so that tokens differ
  }
  if (change) change(molmo.params(), text::load_tokenizer(folder, config.tokenizer));
  std::map<std::string, Tensor> tensors;
  for (const Parameter& param : molmo.params().all()) tensors[param.name] = param.value;
  model::write_tensors(folder / "model.safetensors", tensors);
  model::write_model_config(folder, config, folder / config.tokenizer.file);
}

}  // namespace molmo::testing
