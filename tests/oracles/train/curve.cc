// Twenty updates of a tiny model, step by step (golden/train/curve): in one process that holds the model whole, and
// sharded over one to four ranks.
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "oracles/tiny_model.h"
#include "oracles/train/recipe.h"
#include "support/ranks.h"
#include "tensor/ops.h"
#include "train/groups.h"
#include "train/schedule.h"
#include "train/step.h"

namespace molmo::testing {
namespace {

struct Curve {
  std::filesystem::path folder;
  Json config, steps;
  std::unique_ptr<model::Molmo> molmo;
  config::OptimizerConfig optimizer;

  const Json& train() const { return config.at("train"); }
  double noise(const char* what, size_t step) const {  // the larger of the measured noise entries of a step
    double largest = 0.0;
    for (const auto& [name, run] : steps.at("noise").items()) {
      if (run.is_object() && run.contains(what) && run.at(what).is_array())
        largest = std::max(largest, run.at(what)[step].get<double>());
    }
    return largest;
  }
  double noise(const char* what) const {
    double largest = 0.0;
    for (const auto& [name, run] : steps.at("noise").items()) {
      if (run.is_object() && run.contains(what) && run.at(what).is_number())
        largest = std::max(largest, run.at(what).get<double>());
    }
    return largest;
  }
};

// A rank's share of the batch of a step. The rows of several emulated ranks are one global batch here: with the divisor
// of all ranks the averaged gradient is the same sum, however the rows are dealt out.
std::vector<train::MicroBatch> step_batches(const Curve& curve, const train::Objective& objective, int64_t batch,
                                            int rank, int num_ranks) {
  const TensorMap rows = read_golden_tensors(curve.folder / fmt::format("batch_{}.safetensors", batch));
  const int64_t num_rows = rows.at("input_ids").size(0), micro = curve.train().at("microbatch").get<int64_t>();
  std::vector<train::MicroBatch> batches;
  for (int64_t begin = 0; begin * num_ranks < num_rows; begin += micro) {
    TensorMap part;
    for (const auto& [name, tensor] : rows)
      part[name] = tensor.slice(0, rank, num_rows, num_ranks).slice(0, begin, begin + micro).contiguous();
    if (part.at("input_ids").size(0) == 0) {
      batches.push_back(objective.nothing());
      continue;
    }
    train::MicroBatch& made = batches.emplace_back();
    made.inputs = golden_inputs(part);
    made.targets = golden_targets(part);
  }
  return batches;
}

void compare_first_gradients(GoldenCase& golden, const Curve& curve) {
  const TensorMap expected =
      by_parameter(read_golden_tensors(curve.folder / "gradients_step_1.safetensors"), *curve.molmo);
  double largest = 0.0;
  for (const auto& [name, gradient] : expected) largest = std::max(largest, gradient.abs().max().item<double>());
  for (const auto& [name, gradient] : expected) {
    const Parameter* param = curve.molmo->params().find(name);
    if (param == nullptr) {
      golden.fail("unknown parameter " + name);
    } else {
      expect_tensor_near(golden, "gradient of " + name, param->value.grad(), gradient, 1e-4, 1e-6 * largest);
    }
  }
}

// Weights after one update. Adam's first update is lr * g / (|g| + eps) of the clipped gradient g: where |g| is not far
// above eps, the rounding noise of the gradient (2e-6 of the tensor's largest entry, the measured floor of
// golden/model) passes into the weight with the slope lr * eps / (|g| + eps)^2. The tolerance is that noise on top of
// the optimizer's own 2e-6 of the largest weight. Key biases have an exact gradient of 0, all noise: left out, as the
// group's README says.
void compare_first_weights(GoldenCase& golden, const Curve& curve, const train::ClipResult& clip) {
  const TensorMap weights = by_parameter(read_golden_tensors(curve.folder / "after_step_1.safetensors"), *curve.molmo);
  const TensorMap gradients =
      by_parameter(read_golden_tensors(curve.folder / "gradients_step_1.safetensors"), *curve.molmo);
  for (const auto& [name, expected] : weights) {
    const Tensor gradient = tensor_or_none(gradients, name), got = curve.molmo->params().find(name)->value;
    if (name.ends_with("wk.bias")) continue;
    const double floor = 2e-6 * expected.abs().max().item<double>();
    if (!gradient.defined()) {
      expect_tensor_near(golden, "weight of " + name, got, expected, 2e-6);
      continue;
    }
    const Component component = curve.molmo->params().find(name)->role.component;
    const config::ComponentConfig& settings = train::component_config(curve.optimizer, component);
    const double rate =
        train::learning_rate(curve.optimizer, settings, 1, curve.train().at("max_steps").get<int64_t>());
    const double factor = clip.factors[static_cast<size_t>(component)];
    const Tensor clipped = gradient.to(at::kDouble).abs() * factor;
    const double noise = 2e-6 * gradient.abs().max().item<double>() * factor + 1e-12;
    const Tensor slope = rate * settings.eps / (clipped + settings.eps).square();
    const Tensor tolerance = floor + at::where(clipped > noise, (slope * noise).clamp_max(2 * rate), 2 * rate);
    const Tensor ratio = (got.detach() - expected).to(at::kDouble).abs() / tolerance;
    golden.record("weight of " + name, static_cast<size_t>(expected.numel()), ratio.max().item<double>());
  }
}

void compare_norms(GoldenCase& golden, const Curve& curve, const Json& expected, const train::StepResult& result,
                   size_t index) {
  const double tolerance = index == 0 ? 1e-5 : std::max(12 * curve.noise("grad_norm_relative", index), 5e-6);
  const Json& norms = expected.at("grad_norm");
  golden.expect_near("total norm", result.clip.total_norm, norms.at("total").get<double>(), 0.0, tolerance);
  for (const Component which : train::kComponents) {
    const std::string name(train::component_name(which));
    golden.expect_near("norm of " + name, result.clip.norms[static_cast<size_t>(which)], norms.at(name).get<double>(),
                       1e-12, tolerance);
    golden.expect_near("clip factor of " + name, result.clip.factors[static_cast<size_t>(which)],
                       expected.at("clip_factor").at(name).get<double>(), 0.0, std::max(tolerance, 1e-6));
  }
}

void compare_losses(GoldenCase& golden, const Curve& curve, const Json& expected, const train::StepResult& result,
                    size_t index) {
  const double tolerance = index == 0 ? 1e-6 : std::max(10 * curve.noise("cross_entropy_relative", index), 5e-6);
  golden.expect_near(fmt::format("cross_entropy of step {}", index + 1), result.cross_entropy,
                     expected.at("cross_entropy").get<double>(), 0.0, tolerance);
  golden.expect_near(fmt::format("accuracy of step {}", index + 1), result.accuracy,
                     expected.at("accuracy").get<double>(), 1e-6);
  if (expected.at("z_loss").is_null()) return;
  golden.expect_near(fmt::format("z_loss of step {}", index + 1), result.z_loss, expected.at("z_loss").get<double>(),
                     0.0, tolerance);
}

void compare_rates(GoldenCase& golden, const Curve& curve, const Json& expected, const train::AdamW& optimizer) {
  for (const train::ParamGroup& group : optimizer.groups()) {
    const double rate =
        train::learning_rate(curve.optimizer, train::component_config(curve.optimizer, group.component),
                             expected.at("step").get<int64_t>(), curve.train().at("max_steps").get<int64_t>());
    golden.expect_near("lr of " + group.name, rate, expected.at("lr").at(group.name).get<double>(), 0.0, 1e-6);
  }
}

void compare_final_weights(GoldenCase& golden, const Curve& curve, const TensorMap& weights) {
  double squares = 0.0;
  size_t num_values = 0;
  for (const auto& [name, expected] :
       by_parameter(read_golden_tensors(curve.folder / "final.safetensors"), *curve.molmo)) {
    const Tensor& got = weights.at(name);
    squares += (got - expected).to(at::kDouble).square().sum().item<double>();
    num_values += static_cast<size_t>(expected.numel());
  }
  const double moved = curve.steps.at("weight_movement_l2").get<double>();
  const double tolerance = std::max(10 * curve.noise("final_weight_l2_over_movement"), 2e-3);
  golden.record("final weights", num_values, std::sqrt(squares) / moved / tolerance);
}

// Returns nothing for a case beyond what the trainer does.
std::optional<Curve> read_curve(const std::filesystem::path& folder, GoldenCase& golden) {
  Curve curve{.folder = folder,
              .config = read_json(folder / "config.json"),
              .steps = read_json(folder / "steps.json"),
              .molmo = {},
              .optimizer = {}};
  const std::string divisor = curve.train().at("batch_divisor").get<std::string>();
  if (divisor != "global_batch") {
    golden.skip("batch divisor " + divisor);
    return std::nullopt;
  }
  curve.molmo = load_golden_model(curve.config.at("native"), folder / "initial.safetensors");
  curve.optimizer = golden_optimizer(curve.train().at("optimizer"), curve.train().at("scheduler"),
                                     curve.train().at("max_grad_norm"), curve.train().at("ft_embedding"));
  return curve;
}

void run_curve(const std::filesystem::path& folder, GoldenCase& golden) {
  const std::optional<Curve> found = read_curve(folder, golden);
  if (!found) return;
  const Curve& curve = *found;
  train::mark_trained(curve.molmo->params(), curve.optimizer);
  train::AdamW optimizer(train::make_groups(curve.molmo->params(), curve.optimizer), curve.optimizer);
  const train::TokenObjective objective(*curve.molmo, curve.train().at("z_loss_scale").get<double>());
  for (size_t i = 0; i < curve.steps.at("steps").size(); ++i) {
    const Json& expected = curve.steps.at("steps")[i];
    const auto batches = step_batches(curve, objective, expected.at("batch").get<int64_t>(), 0, 1);
    if (i == 0) {
      train::accumulate(objective, batches, {});
      compare_first_gradients(golden, curve);
      optimizer.clear_gradients();
    }
    const train::StepResult result = train::train_step(objective, optimizer, batches,
                                                       {.step = expected.at("step").get<int64_t>(),
                                                        .run_steps = curve.train().at("max_steps").get<int64_t>(),
                                                        .forward = {},
                                                        .ranks = {}});
    compare_losses(golden, curve, expected, result, i);
    compare_norms(golden, curve, expected, result, i);
    compare_rates(golden, curve, expected, optimizer);
    if (i == 0) compare_first_weights(golden, curve, result.clip);
  }
  TensorMap weights;
  for (const Parameter& param : curve.molmo->params().all()) weights[param.name] = param.value.detach();
  compare_final_weights(golden, curve, weights);
}

// The same updates on `num_ranks` ranks, of which the first one compares.
void run_sharded_curve(const Curve& curve, GoldenCase& golden, int num_ranks) {
  run_ranks(num_ranks, [&](distributed::Communicator& everyone) {
    const auto replicas = everyone.subgroup("replicas", {everyone.rank()}, at::kCPU);
    model::Molmo molmo(curve.molmo->config());
    train::mark_trained(molmo.params(), curve.optimizer);
    distributed::ShardedParams sharded({&molmo.params()}, molmo.units(), {&everyone, replicas.get()}, {});
    for (const Parameter& param : curve.molmo->params().all()) sharded.store(param.name, param.value.detach());
    train::AdamW optimizer(train::make_groups(sharded.slices(), curve.optimizer), curve.optimizer);
    const train::TokenObjective objective(molmo, curve.train().at("z_loss_scale").get<double>());
    GoldenCase unheard;
    GoldenCase& own = everyone.rank() == 0 ? golden : unheard;
    for (size_t i = 0; i < curve.steps.at("steps").size(); ++i) {
      const Json& expected = curve.steps.at("steps")[i];
      const auto batches =
          step_batches(curve, objective, expected.at("batch").get<int64_t>(), everyone.rank(), num_ranks);
      const train::StepResult result = train::train_step(objective, optimizer, batches,
                                                         {.step = expected.at("step").get<int64_t>(),
                                                          .run_steps = curve.train().at("max_steps").get<int64_t>(),
                                                          .forward = {},
                                                          .ranks = {&everyone, &sharded}});
      compare_losses(own, curve, expected, result, i);
      compare_norms(own, curve, expected, result, i);
    }
    TensorMap weights;
    sharded.gather([&](const std::string& name, const Tensor& value) { weights[name] = value; });
    compare_final_weights(own, curve, weights);
  });
}

}  // namespace

GOLDEN_PART(sharded_curve) {
  run.run_folder("curve", "", [](const std::filesystem::path& folder, GoldenCase& golden) {
    const std::optional<Curve> curve = read_curve(folder, golden);
    for (int num_ranks = 1; curve && num_ranks <= 4; ++num_ranks) run_sharded_curve(*curve, golden, num_ranks);
  });
}

GOLDEN_PART(curve) { run.run_folder("curve", "", run_curve); }

}  // namespace molmo::testing
