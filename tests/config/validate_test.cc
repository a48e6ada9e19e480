// SPDX-License-Identifier: Apache-2.0
#include "config/validate.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace molmo::config {
namespace {

template <class T>
std::string problems_of(const T& config) {
  std::vector<std::string> problems;
  validate(config, problems);
  return join_text(problems, "\n");
}

TEST(Validate, DefaultsAreConsistent) {
  EXPECT_EQ(problems_of(ModelConfig{}), "");
  EXPECT_EQ(problems_of(MolmoConfig{}), "");
}

TEST(Validate, TowerAndConnector) {
  ModelConfig model;
  model.vit.image_width = 340;
  model.vit.num_kv_heads = 5;
  model.vit.num_positions = 100;
  model.connector.vit_layers = {-2, -24, 23};
  model.connector.pooling = PoolingKind::kNone;
  EXPECT_EQ(problems_of(model),
            "'vit.image_width': got 340, expected a multiple of patch_size = 14\n"
            "'vit.num_heads': got 16, expected a multiple of num_kv_heads = 5\n"
            "'vit.num_positions': got 100, expected 576 patches and a class row (or a square grid and a class row, "
            "which is resized)\n"
            "'connector.vit_layers': got -24, expected a layer from -23 to 22\n"
            "'connector.vit_layers': got 23, expected a layer from -23 to 22\n"
            "'connector.pool_height, .pool_width': got 2 x 2, expected 1 x 1 with pooling 'none'");
}

TEST(Validate, Decoder) {
  ModelConfig model;
  DecoderConfig& d = model.decoder;
  d.width = 30, d.num_heads = 10, d.num_kv_heads = 4;
  d.embedding_size = 100;
  d.tied_head = true, d.norm_bias = true, d.direct_attention = true;
  d.clip_qkv = 0.0;
  d.num_experts = 2;
  EXPECT_EQ(problems_of(model),
            "'decoder.num_heads': got 10, expected a multiple of num_kv_heads = 4\n"
            "'decoder.width': got 30, expected an even width of the heads for rotary positions\n"
            "'decoder.embedding_size': got 100, expected at least vocab_size = 152064\n"
            "'decoder.tied_head': got true, expected false where additional_vocab_size > 0\n"
            "'decoder.norm_bias': got true, expected false with norm 'rms'\n"
            "'decoder.direct_attention': got true, expected false without block 'llama'\n"
            "'decoder.clip_qkv': got 0, expected more than 0, or null\n"
            "'decoder.num_experts': got 2, expected 0 with block 'sequential'");
  d = DecoderConfig{};
  d.block = BlockKind::kMoe;
  d.num_heads = 3;
  EXPECT_EQ(problems_of(model),
            "'decoder.width': got 3584, expected a multiple of num_heads = 3\n"
            "'decoder.num_heads': got 3, expected a multiple of num_kv_heads = 4\n"
            "'decoder.num_experts': got 0, expected at least 1 with block 'moe'\n"
            "'decoder.experts_per_token': got 0, expected from 1 to num_experts = 0");
}

TEST(Validate, PreprocessingFitsTheModel) {
  MolmoConfig molmo;
  molmo.preprocess.image_height = 378;
  molmo.preprocess.patch_size = 7;
  molmo.preprocess.pool_width = 1;
  molmo.preprocess.use_image_masks = false;
  molmo.preprocess.overlap_margins = {3, 60};
  molmo.model.decoder.additional_vocab_size = 4;
  EXPECT_EQ(problems_of(molmo),
            "'model.decoder.additional_vocab_size': got 4, expected room for the five image tokens after vocab_size\n"
            "'preprocess.image_height': got 378, expected model.vit.image_height = 336\n"
            "'preprocess.patch_size': got 7, expected model.vit.patch_size = 14\n"
            "'preprocess.pool_width': got 1, expected model.connector.pool_width = 2\n"
            "'preprocess.use_image_masks': got false, expected true where model.connector.padding_embed is not 'none'\n"
            "'preprocess.image_width': got 336, expected image_height = 378\n"
            "'preprocess.overlap_margins': got 3, expected a multiple of the pooling window, 2 x 1\n"
            "'preprocess.overlap_margins': got 63, expected together less than the 54 patches of a crop");
}

TEST(Validate, TokenizerFitsTheDecoder) {
  MolmoConfig molmo;
  molmo.tokenizer = {.pad_to = 152000, .bos_id = 152064, .eos_id = 200000};
  EXPECT_EQ(problems_of(molmo),
            "'tokenizer.pad_to': got 152000, expected model.decoder.vocab_size = 152064\n"
            "'tokenizer.eos_id': got 200000, expected below model.decoder.vocab_size = 152064\n"
            "'tokenizer.bos_id': got 152064, expected below model.decoder.vocab_size = 152064");
}

TEST(Validate, Recipe) {
  TrainConfig train;
  train.molmo.model.decoder.num_heads = 5;
  train.data.sequence_length = 5000;
  train.micro_batch_size = 3;
  train.data.datasets["a"].path = "";
  train.data.group_rates = {{"main", 0.0}, {"demo", 0.5}};
  train.optimizer.vit.betas = {0.9, 1.0};
  train.optimizer.connector.train = train.optimizer.vit.train = train.optimizer.llm.train = false;
  const std::string rest =
      "'global_batch_size': got 128, expected a multiple of micro_batch_size = 3\n"
      "'data.datasets.a.path': got \"\", expected the folder of the dataset\n"
      "'data.group_rates': got demo, expected a group of the datasets: main\n"
      "'data.group_rates': got 0, expected a sum above 0\n"
      "'optimizer.vit.betas': got 1, expected less than 1\n"
      "'optimizer.connector.train, .vit.train, .llm.train': got false, expected a component that trains";
  EXPECT_EQ(problems_of(train),
            "'molmo.model.decoder.width': got 3584, expected a multiple of num_heads = 5\n"
            "'molmo.model.decoder.num_heads': got 5, expected a multiple of num_kv_heads = 4\n"
            "'data.sequence_length': got 5000, expected at most molmo.model.decoder.max_positions = 4096\n" +
                rest);
  train.init_from = "a model folder";  // then the model is the folder's
  EXPECT_EQ(problems_of(train), rest);
}

}  // namespace
}  // namespace molmo::config
