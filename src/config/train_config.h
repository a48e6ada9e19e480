// A training recipe (molmo train RECIPE.json). Facts: spec/training.md §1-2. Paper: [P §4] [P Table 6].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/field.h"
#include "config/molmo_config.h"

namespace molmo::config {

/// What a run teaches: the tower alone (kinds under pooled cells), captions with length hints, or the SFT mixture.
enum class TrainStage { kTower, kCaption, kSft };
enum class ComputeDtype { kAuto, kFloat32, kBfloat16 };  ///< kAuto: bfloat16 where the device is fast at it
enum class ClipMode { kComponent, kGlobal };
/// Which decoder tables stay fixed: none, the base embedding, embedding and head, or final norm and head.
enum class EmbeddingTraining { kAll, kLmHead, kLnF, kWte };

/// Settings of one of the three components. Paper: [P Table 6].
struct ComponentConfig {
  bool train = true;
  double learning_rate = 1e-5;
  int64_t warmup_steps = 200;
  double weight_decay = 0.0;
  std::array<double, 2> betas{0.9, 0.95};
  double eps = 1e-6;
  std::optional<double> max_grad_norm = 1.0;

  template <class V>
  void visit(V& v) {
    v({.name = "train", .help = "false freezes the component"}, train);
    v({.name = "learning_rate", .help = "peak learning rate", .min = 0}, learning_rate);
    v({.name = "warmup_steps", .help = "steps of linear warm-up", .min = 0}, warmup_steps);
    v({.name = "weight_decay", .help = "decoupled weight decay", .min = 0}, weight_decay);
    v({.name = "betas", .help = "AdamW moment decays", .min = 0, .max = 1}, betas);
    v({.name = "eps", .help = "AdamW epsilon", .min = 0}, eps);
    v({.name = "max_grad_norm", .help = "gradient norm limit; null: no clipping", .min = 0}, max_grad_norm);
  }
};

struct OptimizerConfig {
  ComponentConfig connector{.learning_rate = 2e-4, .warmup_steps = 200};
  ComponentConfig vit{.learning_rate = 6e-6, .warmup_steps = 2000};
  ComponentConfig llm{.learning_rate = 2e-5, .warmup_steps = 2000};
  EmbeddingTraining embedding = EmbeddingTraining::kLmHead;
  double final_fraction = 0.1;                ///< cosine floor, as a share of the peak
  std::optional<double> warmup_min_lr = 0.0;  ///< where warm-up starts; null: a tenth of the peak
  std::optional<int64_t> decay_steps;         ///< length of the schedule; null: the steps of the run
  ClipMode clip = ClipMode::kComponent;
  int64_t clip_warmup_steps = 0;
  double clip_warmup_factor = 1.0;

  template <class V>
  void visit(V& v) {
    v({.name = "connector", .help = "pooling, projector, padding and new-token embeddings"}, connector);
    v({.name = "vit", .help = "vision tower"}, vit);
    v({.name = "llm", .help = "decoder"}, llm);
    v({.name = "embedding",
       .help = "what of the decoder's tables trains: all; lm_head freezes the base embedding; ln_f also the head; wte "
               "freezes final norm and head"},
      embedding);
    v({.name = "final_fraction", .help = "cosine floor as a share of the peak", .min = 0, .max = 1}, final_fraction);
    v({.name = "warmup_min_lr", .help = "learning rate at which warm-up starts; null: a tenth of the peak", .min = 0},
      warmup_min_lr);
    v({.name = "decay_steps", .help = "steps after which the floor is reached; null: the run's steps", .min = 1},
      decay_steps);
    v({.name = "clip", .help = "one gradient norm per component, or one for all [P Table 15c]"}, clip);
    v({.name = "clip_warmup_steps", .help = "updates with a multiplied clip limit", .min = 0}, clip_warmup_steps);
    v({.name = "clip_warmup_factor", .help = "that multiplier", .min = 0}, clip_warmup_factor);
  }
};

/// One dataset of a mixture.
struct DatasetConfig {
  std::string path;  ///< an own-data folder (data.jsonl and pictures)
  std::string split = "train";
  std::string group = "main";            ///< root-size rates are normalised within a group
  std::vector<std::string> annotations;  ///< which kinds of annotation to use; empty: all
  std::optional<int64_t> fixed_size;     ///< replaces the length in the root-size rule

  template <class V>
  void visit(V& v) {
    v({.name = "path", .help = "own-data folder: data.jsonl with pictures beside it"}, path);
    v({.name = "split", .help = "rows of this split"}, split);
    v({.name = "group", .help = "group whose rate the dataset shares"}, group);
    v({.name = "annotations",
       .help = "kinds of annotation to use (caption, transcript, qa, points, counts, choices); empty: all"},
      annotations);
    v({.name = "fixed_size", .help = "size that replaces the length in the root-size rule", .min = 1}, fixed_size);
  }
};

/// Several examples in a row of the batch, which attention keeps apart.
struct PackingConfig {
  int max_tokens = 0;  ///< of a row; 0: one example per row
  int max_crops = 64;  ///< of a row

  bool is_on() const { return max_tokens > 0; }

  template <class V>
  void visit(V& v) {
    v({.name = "max_tokens",
       .help =
           "pack several examples into a row of at most so many tokens, which is then a micro-batch; 0: one example "
           "per row",
       .min = 0,
       .max = 1 << 24},
      max_tokens);
    v({.name = "max_crops", .help = "largest number of crops in such a row", .min = 1, .max = 1 << 20}, max_crops);
  }
};

struct DataConfig {
  std::map<std::string, DatasetConfig> datasets;
  std::map<std::string, double> group_rates;  ///< absent groups: 1
  int64_t seed = 95818;
  int sequence_length = 2304;
  bool shuffle = true;
  int num_workers = 2;
  int prefetch_batches = 4;
  PackingConfig packing;
  int64_t max_bad_examples = 100;

  template <class V>
  void visit(V& v) {
    v({.name = "datasets", .help = "name -> dataset; rates follow the square root of the sizes [P App. B]"}, datasets);
    v({.name = "group_rates", .help = "share of each group; a group that is not named has 1", .min = 0}, group_rates);
    v({.name = "seed", .help = "seed of order, templates and hints", .min = 0, .max = 4294967295.0}, seed);
    v({.name = "sequence_length",
       .help = "longest row in tokens, image included; longer ones are cut",
       .min = 8,
       .max = 1 << 24},
      sequence_length);
    v({.name = "shuffle", .help = "shuffle examples and the annotations of an image"}, shuffle);
    v({.name = "num_workers", .help = "preprocessing threads; the order does not depend on it", .min = 1, .max = 256},
      num_workers);
    v({.name = "prefetch_batches", .help = "batches prepared ahead", .min = 1, .max = 1024}, prefetch_batches);
    v({.name = "packing", .help = "several examples in a row"}, packing);
    v({.name = "max_bad_examples",
       .help = "examples that may be left out because they cannot be made (a broken picture), on a rank; one more ends "
               "the run",
       .min = 0},
      max_bad_examples);
  }
};

/// How the ranks of a run share the model. It changes no result beyond rounding.
struct ShardingConfig {
  int replicas = 1;             ///< hybrid sharding: the model is sharded within each of so many groups of ranks
  int live_units = 3;           ///< units of the model gathered or on their way at a time
  bool defer_reduction = true;  ///< whole gradients stay on a rank until the last micro-batch of an update
  int start_timeout = 600;      ///< seconds
  int step_timeout = 600;       ///< seconds

  template <class V>
  void visit(V& v) {
    v({.name = "replicas",
       .help = "groups of ranks that each hold the whole model; 1 shards it over all ranks",
       .min = 1,
       .max = 1 << 20},
      replicas);
    v({.name = "live_units", .help = "units gathered or on their way at a time, on a rank", .min = 1, .max = 1024},
      live_units);
    v({.name = "defer_reduction",
       .help = "send gradients once per update instead of once per micro-batch; needs memory for whole gradients"},
      defer_reduction);
    v({.name = "start_timeout", .help = "seconds to wait for all ranks to come", .min = 1, .max = 86400},
      start_timeout);
    v({.name = "step_timeout",
       .help = "seconds to wait for one collective; then the rank ends with 75",
       .min = 1,
       .max = 86400},
      step_timeout);
  }
};

/// Activation checkpointing: what is computed again in the backward pass instead of being kept. 0 keeps all, n computes
/// every n-th block again.
struct RecomputeConfig {
  int decoder = 0, vit = 0;
  bool connector = false;

  bool is_off() const { return decoder == 0 && vit == 0 && !connector; }

  template <class V>
  void visit(V& v) {
    v({.name = "decoder",
       .help = "recompute every n-th block of the decoder in backward; 0: none",
       .min = 0,
       .max = 1024},
      decoder);
    v({.name = "vit", .help = "recompute every n-th block of the tower in backward; 0: none", .min = 0, .max = 1024},
      vit);
    v({.name = "connector", .help = "recompute pooling and projector in backward"}, connector);
  }
};

/// Losses on held-out data during a run. Paper: none; the public code's captioner has two.
struct LossEvaluatorConfig {
  std::string path;
  std::string split = "validation";
  std::vector<std::string> annotations;
  int64_t max_examples = 2048;
  int64_t every = 1000;

  template <class V>
  void visit(V& v) {
    v({.name = "path", .help = "own-data folder"}, path);
    v({.name = "split", .help = "rows of this split"}, split);
    v({.name = "annotations", .help = "kinds of annotation to use; empty: all"}, annotations);
    v({.name = "max_examples",
       .help = "of the split, from its start; what does not fill a batch is left out",
       .min = 1},
      max_examples);
    v({.name = "every", .help = "steps between evaluations; the last step is evaluated too", .min = 1}, every);
  }
};

struct TrainConfig {
  TrainStage stage = TrainStage::kCaption;
  MolmoConfig molmo;                         ///< ignored where init_from names a folder with molmo.json
  std::optional<std::string> init_from;      ///< model folder or run step to take weights from (and the model config)
  std::optional<std::string> init_llm_from;  ///< decoder weights: a Molmo, or Hugging Face's Qwen2, OLMo-2 or OLMoE
  std::optional<std::string>
      init_tower_from;           ///< tower weights: a Molmo (with its connector), or CLIP, MetaCLIP, SigLIP, DINOv2
  std::optional<int> max_crops;  ///< replaces the model's
  DataConfig data;
  std::map<std::string, LossEvaluatorConfig> loss_evaluators;
  OptimizerConfig optimizer;
  int64_t steps = 1000;
  int global_batch_size = 128;  ///< images
  int micro_batch_size = 4;
  ComputeDtype compute_dtype = ComputeDtype::kBfloat16;
  double z_loss = 1e-4;
  int64_t seed = 6198;
  double residual_dropout = 0.0, response_dropout = 0.1;  ///< replace the model's, stage by stage [P §4]
  int64_t save_every = 1000;
  int keep_checkpoints = 2;
  int64_t log_every = 10;
  int64_t max_bad_steps = 100;
  double max_sigmas = 0.0;
  std::optional<double> peak_tflops;
  ShardingConfig sharding;
  RecomputeConfig recompute;

  template <class V>
  void visit(V& v) {
    v({.name = "stage", .help = "what is taught: tower, caption or sft"}, stage);
    v({.name = "molmo", .help = "model, preprocessing, prompts and tokenizer of a fresh model"}, molmo);
    v({.name = "init_from",
       .help = "model folder to start from; its molmo.json replaces molmo.model, .preprocess and .tokenizer"},
      init_from);
    v({.name = "init_llm_from",
       .help =
           "folder or file whose decoder replaces the fresh one: a Molmo, or a Qwen2, OLMo-2 or OLMoE of Hugging Face"},
      init_llm_from);
    v({.name = "init_tower_from",
       .help = "folder or file whose tower replaces the fresh one: a Molmo, or a CLIP, MetaCLIP, SigLIP or DINOv2 of "
               "Hugging Face"},
      init_tower_from);
    v({.name = "max_crops",
       .help = "high-resolution crops of a picture, in place of molmo.preprocess.max_crops [P Table 12]",
       .min = 1,
       .max = 1024},
      max_crops);
    v({.name = "data", .help = "datasets and order"}, data);
    v({.name = "loss_evaluators", .help = "name -> held-out data whose loss is measured during the run"},
      loss_evaluators);
    v({.name = "optimizer", .help = "AdamW by component, schedule and clipping"}, optimizer);
    v({.name = "steps", .help = "updates of the run", .min = 1}, steps);
    v({.name = "global_batch_size", .help = "images per update", .min = 1, .max = 1 << 20}, global_batch_size);
    v({.name = "micro_batch_size", .help = "images per forward and backward", .min = 1, .max = 1 << 20},
      micro_batch_size);
    v({.name = "compute_dtype",
       .help = "dtype of matrix products, weights stay float32; auto: bf16 on a GPU and on CPUs with bfloat16 "
               "instructions, else fp32"},
      compute_dtype);
    v({.name = "z_loss", .help = "weight of the squared log-partition; 0: off", .min = 0}, z_loss);
    v({.name = "seed", .help = "seed of fresh weights and dropout", .min = 0, .max = 4294967295.0}, seed);
    v({.name = "residual_dropout", .help = "dropout of the decoder's branches at all positions", .min = 0, .max = 0.99},
      residual_dropout);
    v({.name = "response_dropout", .help = "dropout where the target is a response token", .min = 0, .max = 0.99},
      response_dropout);
    v({.name = "save_every", .help = "steps between checkpoints", .min = 1}, save_every);
    v({.name = "keep_checkpoints", .help = "newest complete checkpoints to keep", .min = 1}, keep_checkpoints);
    v({.name = "log_every", .help = "steps between log lines", .min = 1}, log_every);
    v({.name = "max_bad_steps", .help = "bad steps in a row (they are skipped) after which the run gives up", .min = 1},
      max_bad_steps);
    v({.name = "max_sigmas",
       .help =
           "standard deviations above the mean of the last hundred steps beyond which a loss or gradient norm makes "
           "a step a bad one; 0: only what is not finite",
       .min = 0},
      max_sigmas);
    v({.name = "peak_tflops",
       .help =
           "of a device, in dense bfloat16 (H100 and H200 SXM: 989, A100: 312): metrics then have the MFU; null: none",
       .min = 0},
      peak_tflops);
    v({.name = "sharding", .help = "how the ranks of a run share the model (docs/sharding.md)"}, sharding);
    v({.name = "recompute", .help = "activation checkpointing, part by part"}, recompute);
  }
};

template <>
struct EnumNames<TrainStage> {
  static constexpr std::pair<TrainStage, std::string_view> values[] = {
      {TrainStage::kTower, "tower"}, {TrainStage::kCaption, "caption"}, {TrainStage::kSft, "sft"}};
};
template <>
struct EnumNames<ComputeDtype> {
  static constexpr std::pair<ComputeDtype, std::string_view> values[] = {
      {ComputeDtype::kAuto, "auto"}, {ComputeDtype::kFloat32, "fp32"}, {ComputeDtype::kBfloat16, "bf16"}};
};
template <>
struct EnumNames<ClipMode> {
  static constexpr std::pair<ClipMode, std::string_view> values[] = {{ClipMode::kComponent, "component"},
                                                                     {ClipMode::kGlobal, "global"}};
};
template <>
struct EnumNames<EmbeddingTraining> {
  static constexpr std::pair<EmbeddingTraining, std::string_view> values[] = {{EmbeddingTraining::kAll, "all"},
                                                                              {EmbeddingTraining::kLmHead, "lm_head"},
                                                                              {EmbeddingTraining::kLnF, "ln_f"},
                                                                              {EmbeddingTraining::kWte, "wte"}};
};

}  // namespace molmo::config
