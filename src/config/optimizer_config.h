// AdamW by component, schedule and clipping. Facts: spec/training.md §1. Paper: [P Table 6].
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>

#include "config/field.h"

namespace molmo::config {

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
