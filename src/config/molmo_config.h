// The complete configuration of a model folder (molmo.json): model, preprocessing, prompts, tokenizer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/input_config.h"
#include "config/model_config.h"

namespace molmo::config {

struct MolmoConfig {
  ModelConfig model;
  PreprocessConfig preprocess;
  PromptConfig prompt;
  TokenizerConfig tokenizer;

  template <class V>
  void visit(V& v) {
    v({.name = "model", .help = "tower, connector and decoder"}, model);
    v({.name = "preprocess", .help = "from a picture to crops and image tokens"}, preprocess);
    v({.name = "prompt", .help = "from an example to prompt and answer"}, prompt);
    v({.name = "tokenizer", .help = "tokenizer file and its extension"}, tokenizer);
  }
};

}  // namespace molmo::config
