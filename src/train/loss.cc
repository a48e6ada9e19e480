// SPDX-License-Identifier: Apache-2.0
#include "train/loss.h"

#include "tensor/ops.h"
#include "tensor/precision.h"
#include "tensor/shape.h"

namespace molmo::train {

TokenLosses token_losses(const Tensor& logits, const Tensor& labels, const Tensor& weights, double z_loss_scale) {
  expect_shape("loss logits", logits, {labels.size(0), kAnySize});
  expect_shape("loss weights", weights, {labels.size(0)});
  const Tensor wide = widened(logits);                  // [M, V]
  const Tensor weight = weights.clamp_min(0);           // [M]
  const Tensor counted = weight > 0;                    // [M]
  const Tensor target = at::where(counted, labels, 0);  // labels elsewhere may lie outside the classes
  // Not logsumexp minus the logit: with logits near 100 that difference loses the last digits, and so does its
  // gradient.
  const Tensor log_probs = at::log_softmax(wide, -1);  // [M, V]
  TokenLosses losses;
  losses.cross_entropy = -weight * log_probs.gather(-1, target.unsqueeze(-1)).squeeze(-1);  // [M]
  if (z_loss_scale > 0) losses.z_loss = weight * z_loss_scale * at::logsumexp(wide, {-1}).square();
  losses.accuracy = weight * (wide.detach().argmax(-1) == target).to(at::kFloat);
  return losses;
}

double weight_sum(const Tensor& weights) { return weights.clamp_min(0).sum(at::kDouble).item<double>(); }

}  // namespace molmo::train
