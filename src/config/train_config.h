// A training recipe (molmo train RECIPE.json). Facts: spec/training.md §1-2. Paper: [P §4] [P Table 6].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/data_config.h"
#include "config/evaluation_config.h"
#include "config/field.h"
#include "config/molmo_config.h"
#include "config/optimizer_config.h"

namespace molmo::config {

/// What a run teaches: the tower alone (kinds under pooled cells), captions with length hints, or the SFT mixture.
enum class TrainStage { kTower, kCaption, kSft };
enum class ComputeDtype { kAuto, kFloat32, kBfloat16 };  ///< kAuto: bfloat16 where the device is fast at it

/// How the ranks of a run share the model. It changes no result beyond rounding.
struct ShardingConfig {
  int replicas = 1;    ///< hybrid sharding: the model is sharded within each of so many groups of ranks
  int live_units = 3;  ///< most units of the model gathered or in flight at a time
  std::optional<bool> defer_reduction;  ///< whole gradients stay on a rank until the last micro-batch of an update
  int start_timeout = 600;              ///< seconds
  int step_timeout = 600;               ///< seconds
  int save_timeout = 3600;              ///< seconds

  template <class V>
  void visit(V& v) {
    v({.name = "replicas",
       .help = "groups of ranks that each hold the whole model; 1 shards it over all ranks",
       .min = 1,
       .max = 1 << 20},
      replicas);
    v({.name = "live_units", .help = "most units gathered or in flight at a time, on each rank", .min = 1, .max = 1024},
      live_units);
    v({.name = "defer_reduction",
       .help =
           "send gradients once per update instead of once per micro-batch; null: where whole gradients fit in memory "
           "on all ranks"},
      defer_reduction);
    v({.name = "start_timeout", .help = "seconds to wait for all ranks to join", .min = 1, .max = 86400},
      start_timeout);
    v({.name = "step_timeout",
       .help = "seconds to wait for one collective; then the rank ends with 75",
       .min = 1,
       .max = 86400},
      step_timeout);
    v({.name = "save_timeout",
       .help = "seconds to wait for the ranks' files of a checkpoint, which are written asynchronously",
       .min = 1,
       .max = 86400},
      save_timeout);
  }
};

/// Activation checkpointing: what is computed again in the backward pass instead of being kept. 0 keeps all, n computes
/// every n-th block again.
struct RecomputeConfig {
  bool is_automatic = false;
  int decoder = 0, vit = 0;
  bool connector = false;

  bool is_off() const { return decoder == 0 && vit == 0 && !connector; }
  bool operator==(const RecomputeConfig&) const = default;

  template <class V>
  void visit(V& v) {
    v({.name = "auto",
       .help = "recompute the least with which a step fits in the device's memory; the other keys are then left out"},
      is_automatic);
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

struct TrainConfig {
  TrainStage stage = TrainStage::kCaption;
  MolmoConfig molmo;                         ///< with init_from: what train/model_keys.h lets it say
  std::optional<std::string> init_from;      ///< model folder or run step to take weights from (and the model config)
  std::optional<std::string> init_llm_from;  ///< decoder weights: a Molmo, or Hugging Face's Qwen2, OLMo-2 or OLMoE
  std::optional<std::string>
      init_tower_from;           ///< tower weights: a Molmo (with its connector), or CLIP, MetaCLIP, SigLIP, DINOv2
  std::optional<int> max_crops;  ///< replaces the model's
  DataConfig data;
  std::map<std::string, LossEvaluatorConfig> loss_evaluators;
  std::map<std::string, EvaluationConfig> evaluations;
  OptimizerConfig optimizer;
  int64_t steps = 1000;
  int global_batch_size = 128;  ///< images
  int micro_batch_size = 4;
  ComputeDtype compute_dtype = ComputeDtype::kBfloat16;
  bool cudnn_attention = false;
  double z_loss = 1e-4;
  int64_t seed = 6198;
  double residual_dropout = 0.0, response_dropout = 0.1;  ///< replace the model's, stage by stage [P §4]
  int64_t save_every = 1000;
  double save_minutes = 30.0;
  int keep_checkpoints = 2;
  std::optional<std::string> keep_best;  ///< "NAME.SCORE"
  int64_t log_every = 10;
  int64_t max_bad_steps = 100;
  double max_sigmas = 0.0;
  std::optional<double> peak_tflops;
  ShardingConfig sharding;
  RecomputeConfig recompute;

  template <class V>
  void visit(V& v) {
    visit_start(v);
    visit_learning(v);
    visit_run(v);
  }

 private:
  // What is taught, from which weights, with which data.
  template <class V>
  void visit_start(V& v) {
    v({.name = "stage", .help = "what is taught: tower, caption or sft"}, stage);
    v({.name = "molmo", .help = "model, preprocessing, prompts and tokenizer of a fresh model"}, molmo);
    v({.name = "init_from",
       .help = "model folder to start from; molmo.model, .preprocess and .tokenizer follow its weights"},
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
    v({.name = "evaluations", .help = "name -> tasks that the model answers during the run"}, evaluations);
  }

  // How the weights change.
  template <class V>
  void visit_learning(V& v) {
    v({.name = "optimizer", .help = "AdamW by component, schedule and clipping"}, optimizer);
    v({.name = "steps", .help = "updates of the run", .min = 1}, steps);
    v({.name = "global_batch_size", .help = "images per update", .min = 1, .max = 1 << 20}, global_batch_size);
    v({.name = "micro_batch_size", .help = "images per forward and backward", .min = 1, .max = 1 << 20},
      micro_batch_size);
    v({.name = "compute_dtype",
       .help = "dtype of matrix products, weights stay float32; auto: bf16 on a GPU and on CPUs with bfloat16 "
               "instructions, else fp32"},
      compute_dtype);
    v({.name = "cudnn_attention",
       .help = "on a GPU, let LibTorch take cuDNN's attention: it plans anew, 20 to 40 ms, for each length of rows"},
      cudnn_attention);
    v({.name = "z_loss", .help = "weight of the squared log-partition; 0: off", .min = 0}, z_loss);
    v({.name = "seed", .help = "seed of fresh weights and dropout", .min = 0, .max = 4294967295.0}, seed);
    v({.name = "residual_dropout", .help = "dropout of the decoder's branches at all positions", .min = 0, .max = 0.99},
      residual_dropout);
    v({.name = "response_dropout", .help = "dropout where the target is a response token", .min = 0, .max = 0.99},
      response_dropout);
  }

  // How the run goes about it.
  template <class V>
  void visit_run(V& v) {
    v({.name = "save_every", .help = "steps between checkpoints", .min = 1}, save_every);
    v({.name = "save_minutes",
       .help = "also save when this many minutes have passed since the last checkpoint; 0: by steps alone",
       .min = 0},
      save_minutes);
    v({.name = "keep_checkpoints", .help = "newest complete checkpoints to keep", .min = 1}, keep_checkpoints);
    v({.name = "keep_best",
       .help =
           "NAME.SCORE of a loss evaluator (cross_entropy, z_loss, accuracy) or an evaluation (pointing_f1, ...): its "
           "best step is kept too"},
      keep_best);
    v({.name = "log_every", .help = "steps between log lines", .min = 1}, log_every);
    v({.name = "max_bad_steps", .help = "consecutive skipped steps after which training aborts", .min = 1},
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

}  // namespace molmo::config
