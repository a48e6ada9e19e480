// Training objectives: next-token prediction of responses (captions, SFT), or the kind of object under each pooled cell
// (stage 0).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "model/molmo.h"
#include "nn/linear.h"

namespace molmo::train {

/// Inputs and targets of one forward and backward.
struct MicroBatch {
  model::ModelInputs inputs;
  model::ModelTargets targets;
  Tensor cell_labels;  // [C, P, 3] int64: kind, column, row (data::CellLabel); only for the tower objective
  /// Not a row of the data: a rank with fewer micro-batches than others runs these, since collectives need every rank.
  bool is_padding = false;
};

/// Weighted sums over a micro-batch, not yet divided; [] each.
struct LossSums {
  Tensor loss;  ///< cross_entropy + z_loss, differentiable
  Tensor cross_entropy, z_loss, accuracy;
  /// Weighted means over the micro-batch, or undefined. An update averages them over its micro-batches; they are not
  /// divided by the weight sum again.
  Tensor load_balancing, router_z;  // []
};

class Objective {
 public:
  virtual ~Objective() = default;
  /// The micro-batch's share of the divisor.
  virtual double weight_sum(const MicroBatch& batch) const = 0;
  virtual LossSums losses(const MicroBatch& batch, const model::ForwardOptions& forward) const = 0;

  /// A batch of padding: it runs every unit of the decoder, has weight 0, and its gradients are zeros.
  virtual MicroBatch nothing() const = 0;
  /// Adds a crop of padding, so that the units of tower and connector run too.
  virtual void add_padding_crop(MicroBatch& batch) const = 0;
};

/// Cross-entropy and z-loss of response tokens. The head runs on the positions that count only.
class TokenObjective : public Objective {
 public:
  TokenObjective(const model::Molmo& molmo, double z_loss_scale) : molmo_(molmo), z_loss_scale_(z_loss_scale) {}
  double weight_sum(const MicroBatch& batch) const override;
  LossSums losses(const MicroBatch& batch, const model::ForwardOptions& forward) const override;
  MicroBatch nothing() const override;
  void add_padding_crop(MicroBatch& batch) const override;

 private:
  const model::Molmo& molmo_;
  double z_loss_scale_;
};

/// Stage 0, for a tower that starts from random weights: each projected image token is classified by the kind of the
/// object under its centre, and by the column and row of its crop in which the centre of that object (or the token's
/// own) lies, so that image tokens carry positions that the decoder can read. The released models start from a trained
/// tower instead; this is how the tiny model gets one (docs/training.md).
class TowerObjective : public Objective {
 public:
  TowerObjective(const model::Molmo& molmo, int64_t num_kinds);
  double weight_sum(const MicroBatch& batch) const override;
  LossSums losses(const MicroBatch& batch, const model::ForwardOptions& forward) const override;
  MicroBatch nothing() const override;
  void add_padding_crop(MicroBatch& batch) const override;

  ParamSet& params() { return *params_; }  ///< the classifier, "tower_head.*", meta at first; discarded after stage 0
  const Unit& unit() const { return unit_; }

 private:
  const model::Molmo& molmo_;
  std::unique_ptr<ParamSet> params_;
  nn::Linear head_;
  Unit unit_;
};

}  // namespace molmo::train
