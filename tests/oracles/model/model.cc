// Every tap, the losses and all gradients of one forward and backward of the reference (golden/model).
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "oracles/tiny_model.h"
#include "tensor/ops.h"
#include "tensor/taps.h"
#include "train/groups.h"
#include "train/loss.h"
#include "train/step.h"

namespace molmo::testing {
namespace {

// Tolerances of golden/model/README.md.
struct Tolerances {
  double tap_max = 2e-5, tap_l2 = 1e-5, loss = 2e-6;
};

struct ModelCase {
  std::filesystem::path folder;
  Json config, loss;
  bool is_bf16 = false;
  TensorMap inputs, taps, gradients;
  std::unique_ptr<model::Molmo> molmo;
  model::ForwardOptions forward;
};

bool is_exact(const std::string& tap) {
  return tap == "decoder.position_ids" || tap == "decoder.attention_bias" || tap.ends_with(".experts");
}

// Decoder taps count at real tokens only. [B, S, ...] or, for the bias, [B, 1, S, S].
Tensor real_tokens(const std::string& name, const Tensor& value, const Tensor& ids) {
  if (!(name.starts_with("decoder.") || name == "logits" || name.starts_with("loss."))) return value;
  const Tensor real = (ids != -1).flatten().nonzero().squeeze(1);
  if (value.size(0) == ids.numel() && value.size(0) != ids.size(0))
    return value.index_select(0, real);  // routers: [B*S, ...]
  const Tensor rows = name == "decoder.attention_bias" ? value.squeeze(1) : value;
  return rows.flatten(0, 1).index_select(0, real);
}

void compare_tap(GoldenCase& golden, const ModelCase& c, const std::string& name, const Tensor& got,
                 const Tensor& expected) {
  const Tensor ids = c.inputs.at("input_ids");
  const auto selected = [&](const Tensor& value) {
    return value.defined() ? real_tokens(name, value.view_as(expected), ids) : value;
  };
  const Tensor a = selected(got), b = selected(expected);
  if (is_exact(name)) return expect_tensor_equal(golden, name, a, b);
  if (c.is_bf16) return expect_tensor_l2(golden, name, a, b, 0.06);
  expect_tensor_near(golden, name, a, b, Tolerances{}.tap_max);
  expect_tensor_l2(golden, name, a, b, Tolerances{}.tap_l2);
}

void compare_taps(GoldenCase& golden, const ModelCase& c) {
  TensorMap heard;
  Tensor logits;
  {
    const TapScope scope(
        [&](const std::string& name, const Tensor& value) { heard[name] = value.detach().to(at::kFloat); });
    logits = c.molmo->forward(golden_inputs(c.inputs), c.forward);
  }
  const Tensor labels = c.inputs.at("labels"), weights = c.inputs.at("loss_masks");
  const train::TokenLosses losses = train::token_losses(logits.flatten(0, 1), labels.flatten(), weights.flatten(),
                                                        c.config.at("train").at("z_loss").get<double>());
  heard["loss.ce_weighted"] = losses.cross_entropy.view_as(labels);
  heard["loss.z_weighted"] = losses.z_loss.defined() ? losses.z_loss.view_as(labels) : at::zeros(labels.sizes());
  for (const auto& [name, expected] : c.taps) {
    const Tensor got = tensor_or_none(heard, name);
    if (!got.defined() || got.numel() != expected.numel()) {
      golden.fail("tap " + name + (got.defined() ? " has another size" : " is not heard"));
    } else {
      compare_tap(golden, c, name, got.to(expected.scalar_type()), expected);
    }
  }
}

std::vector<train::MicroBatch> micro_batches(const ModelCase& c) {
  const int64_t rows = c.inputs.at("input_ids").size(0);
  const int64_t size = std::min<int64_t>(rows, c.config.at("train").at("microbatch").get<int64_t>());
  std::vector<train::MicroBatch> batches;
  for (int64_t begin = 0; begin < rows; begin += size) {
    TensorMap part;
    for (const auto& [name, tensor] : c.inputs) part[name] = tensor.slice(0, begin, std::min(rows, begin + size));
    batches.push_back({.inputs = golden_inputs(part), .targets = golden_targets(part), .cell_labels = {}});
  }
  return batches;
}

void compare_bf16_gradient(GoldenCase& golden, const std::string& name, const Tensor& got, const Tensor& expected,
                           double whole_norm) {
  const Tensor a = got.to(at::kDouble).flatten(), b = expected.to(at::kDouble).flatten();
  const double norm = b.norm().item<double>();
  if (norm <= 1e-4 * whole_norm) return;
  const double cosine = at::dot(a, b).item<double>() / (norm * a.norm().item<double>());
  golden.record(fmt::format("gradient of {}: cosine {:.4f}", name, cosine), expected.numel(), (1.0 - cosine) / 0.05);
  golden.record("norm of gradient of " + name, 1, std::abs(a.norm().item<double>() / norm - 1.0) / 0.25);
}

void compare_gradients(GoldenCase& golden, const ModelCase& c) {
  double largest = 0.0, squares = 0.0;
  for (const auto& [name, expected] : c.gradients) {
    largest = std::max(largest, expected.abs().max().item<double>());
    squares += expected.to(at::kDouble).square().sum().item<double>();
  }
  const TensorMap gradients = by_parameter(c.gradients, *c.molmo);
  for (const Parameter& param : c.molmo->params().all()) {
    const Tensor got = param.value.grad(), expected = tensor_or_none(gradients, param.name);
    if (!expected.defined()) {
      golden.expect_true(param.name + " has a gradient, expected none", !got.defined());
    } else if (!got.defined()) {  // a table that no row of the batch uses
      golden.expect_true("gradient of " + param.name + " is missing", expected.abs().max().item<double>() == 0.0);
    } else if (c.is_bf16) {
      compare_bf16_gradient(golden, param.name, got, expected, std::sqrt(squares));
    } else {
      expect_tensor_near(golden, "gradient of " + param.name, got, expected, 1e-4, 2e-6 * largest);
    }
  }
}

void compare_losses_and_gradients(GoldenCase& golden, const ModelCase& c) {
  c.molmo->params().set_trained([](const Parameter&) { return true; });
  const train::TokenObjective objective(*c.molmo, c.config.at("train").at("z_loss").get<double>());
  const train::StepResult result = train::accumulate(objective, micro_batches(c), c.forward);
  const double relative = c.is_bf16 ? 1e-2 : Tolerances{}.loss;
  golden.expect_near("cross_entropy", result.cross_entropy, c.loss.at("cross_entropy").get<double>(), 0.0, relative);
  if (!c.loss.at("z_loss").is_null())
    golden.expect_near("z_loss", result.z_loss, c.loss.at("z_loss").get<double>(), 0.0, relative);
  for (const auto& [name, value] :
       {std::pair{"load_balancing", result.load_balancing}, {"router_z", result.router_z}}) {
    if (c.loss.at(name).is_number()) golden.expect_near(name, value, c.loss.at(name).get<double>(), 1e-12, relative);
  }
  golden.expect_near("accuracy", result.accuracy, c.loss.at("accuracy").get<double>(), c.is_bf16 ? 0.1 : 1e-6,
                     relative);
  golden.expect_near("weight_sum", result.weight_sum, c.loss.at("weight_sum").get<double>(), 0.0, 1e-6);
  compare_gradients(golden, c);
}

void run_model_case(const std::filesystem::path& folder, GoldenCase& golden) {
  ModelCase c;
  c.folder = folder;
  c.config = read_json(folder / "config.json");
  c.loss = read_json(folder / "loss.json");
  c.is_bf16 = c.config.at("train").at("precision") == "amp_bf16";
  c.forward.compute = c.is_bf16 ? at::kBFloat16 : at::kFloat;
  c.inputs = read_golden_tensors(folder / "inputs.safetensors");
  c.taps = read_golden_tensors(folder / "taps.safetensors");
  c.gradients = read_golden_tensors(folder / "grads.safetensors");
  c.molmo = load_golden_model(c.config.at("native"), folder / "model.safetensors");
  compare_taps(golden, c);
  compare_losses_and_gradients(golden, c);
}

}  // namespace

GOLDEN_PART(model) { run.run_folder("", "", run_model_case); }

}  // namespace molmo::testing
