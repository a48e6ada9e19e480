// SPDX-License-Identifier: Apache-2.0
#include "cli/trained_program.h"

#include <fmt/format.h>

#include "base/files.h"

namespace molmo::testing {
namespace {

constexpr const char* kRecipe = R"({
  "stage": "sft", "steps": 6, "global_batch_size": 2, "micro_batch_size": 1, "save_every": 3, "log_every": 1, "compute_dtype": "fp32",
  "response_dropout": 0.1, "seed": 7, "keep_checkpoints": 9,
  "data": {"datasets": {"scenes": {"path": "%DATA%"}}, "sequence_length": 512},
  "optimizer": {"embedding": "all", "connector": {"warmup_steps": 1}, "vit": {"warmup_steps": 1}, "llm": {"warmup_steps": 1, "learning_rate": 1e-3}},
  "molmo": {
    "model": {
      "vit": {"image_height": 56, "image_width": 56, "width": 16, "num_layers": 2, "num_heads": 2, "num_kv_heads": 2, "head_dim": 8,
              "mlp_width": 16, "num_positions": 17},
      "connector": {"vit_layers": [-1, -2], "hidden_width": 16},
      "decoder": {"width": 16, "num_layers": 2, "num_heads": 2, "num_kv_heads": 1, "ffn_width": 16, "vocab_size": 512, "embedding_size": 512,
                  "additional_vocab_size": 8, "max_positions": 1024, "rope_theta": 10000}},
    "preprocess": {"image_height": 56, "image_width": 56, "max_crops": 2, "overlap_margins": [0, 0]},
    "tokenizer": {"file": "%DATA%/../tokenizer.model", "pad_to": 512, "bos_id": 1, "eos_id": 2}}})";

}  // namespace

TemporaryFolder* TrainedProgram::folder_ = nullptr;

void TrainedProgram::SetUpTestSuite() {
  folder_ = new TemporaryFolder;
  const std::string data = path("data");
  ASSERT_EQ(run_program("data synthesize --out " + data + " --level 0 --train 8 --test 4 --seed 3").code, 0);
  ASSERT_EQ(run_program(
                fmt::format("data train-tokenizer --data {} --vocab-size 507 --out {}", data, path("tokenizer.model")))
                .code,
            0);
  std::string recipe = kRecipe;
  for (size_t at; (at = recipe.find("%DATA%")) != std::string::npos;) recipe.replace(at, 6, data);
  write_file_atomically(path("recipe.json"), recipe);
  const Outcome outcome = train("straight", "");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
}

void TrainedProgram::TearDownTestSuite() { delete folder_; }

std::string TrainedProgram::path(const std::string& name) { return (folder_->path() / name).string(); }

Outcome TrainedProgram::train(const std::string& run, const std::string& more) {
  return run_program(fmt::format("train {} --out {} {}", path("recipe.json"), path(run), more));
}

std::string TrainedProgram::weights(const std::string& run) {
  return read_text_file(path(run) + "/step000006/model-00001-of-00001.safetensors");
}

}  // namespace molmo::testing
