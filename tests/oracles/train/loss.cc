// Loss, metrics and gradients for given logits, over ranks and micro-batches (golden/train/loss.json).
// SPDX-License-Identifier: Apache-2.0
#include "train/loss.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "oracles/tensors.h"
#include "tensor/ops.h"

namespace molmo::testing {
namespace {

Tensor numbers(const Json& values) {  // "nan" where the reference divided 0 by 0
  std::vector<double> flat;
  for (const Json& value : values) flat.push_back(value.is_string() ? NAN : value.get<double>());
  return at::tensor(flat, at::kDouble).to(at::kFloat);
}

void run_loss_case(const Json& c, GoldenCase& golden) {
  const int64_t rows = c.at("shape")[0], length = c.at("shape")[1], classes = c.at("shape")[2];
  const int64_t ranks = c.at("world_size"), scale_rows = rows / ranks;
  const Tensor labels = numbers(c.at("labels")).to(at::kLong).view({rows, length});
  const Tensor weights = numbers(c.at("loss_masks")).view({rows, length});
  Tensor logits = numbers(c.at("logits")).view({rows, length, classes}).requires_grad_();
  const double z_scale = c.at("z_loss_scale").get<double>();
  const bool is_global = c.at("batch_divisor") == "global_batch";
  const double global_divisor = train::weight_sum(weights) / static_cast<double>(ranks);
  if (is_global) golden.expect_near("divisor", global_divisor, c.at("divisor").get<double>(), 0.0, 1e-6);
  if (global_divisor <= 0.0)
    return golden.skip("a batch without loss tokens: skipped by the trainer instead of dividing 0 by 0");

  double cross_entropy = 0.0, z_loss = 0.0, accuracy = 0.0;
  const int64_t micro = std::min(c.at("microbatch").get<int64_t>(), scale_rows);
  for (int64_t rank = 0; rank < ranks; ++rank) {
    const double local = train::weight_sum(weights.slice(0, rank * scale_rows, (rank + 1) * scale_rows));
    const double divisor = is_global ? global_divisor : local;
    if (divisor <= 0.0) return golden.skip("a rank without loss tokens under the per-device divisor");
    for (int64_t begin = rank * scale_rows; begin < (rank + 1) * scale_rows; begin += micro) {
      const int64_t end = std::min(begin + micro, (rank + 1) * scale_rows);
      const auto part = [&](const Tensor& t) { return t.slice(0, begin, end).flatten(0, 1); };
      const train::TokenLosses losses = train::token_losses(part(logits), part(labels), part(weights), z_scale);
      Tensor total = losses.cross_entropy.sum();
      if (losses.z_loss.defined()) total = total + losses.z_loss.sum();
      (total / (divisor * static_cast<double>(ranks))).backward();
      const double share = 1.0 / (divisor * static_cast<double>(ranks));
      cross_entropy += losses.cross_entropy.sum().item<double>() * share;
      if (losses.z_loss.defined()) z_loss += losses.z_loss.sum().item<double>() * share;
      accuracy += losses.accuracy.sum().item<double>() * share;
    }
  }
  const train::TokenLosses all =
      train::token_losses(logits.flatten(0, 1), labels.flatten(), weights.flatten(), z_scale);
  expect_tensor_near(golden, "token_cross_entropy", all.cross_entropy, numbers(c.at("token_cross_entropy")), 2e-6);
  if (!c.at("token_z_loss").is_null())
    expect_tensor_near(golden, "token_z_loss", all.z_loss, numbers(c.at("token_z_loss")), 2e-6);
  expect_tensor_near(golden, "token_accuracy", all.accuracy, numbers(c.at("token_accuracy")), 2e-6);
  golden.expect_near("cross_entropy", cross_entropy, c.at("cross_entropy").get<double>(), 0.0, 2e-6);
  if (!c.at("z_loss").is_null()) golden.expect_near("z_loss", z_loss, c.at("z_loss").get<double>(), 0.0, 2e-6);
  golden.expect_near("accuracy", accuracy, c.at("accuracy").get<double>(), 1e-7, 2e-6);
  expect_tensor_near(golden, "gradient", logits.grad().flatten(), numbers(c.at("gradient")), 2e-6);
}

}  // namespace

GOLDEN_PART(loss) { run.run_list("loss.json", run_loss_case); }

}  // namespace molmo::testing
