// Parameter groups (golden/train/groups.json) and ten clipped AdamW updates (golden/train/optimizer).
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "config/native_config.h"
#include "model/molmo.h"
#include "oracles/tensors.h"
#include "oracles/tiny_model.h"
#include "oracles/train/recipe.h"
#include "support/name_rules.h"
#include "tensor/host_read.h"
#include "tensor/ops.h"
#include "train/adamw.h"
#include "train/clip.h"

namespace molmo::testing {
namespace {

std::string native_name(const std::string& name) { return name.starts_with("model.") ? name.substr(6) : name; }

void compare_groups(GoldenCase& golden, const std::vector<train::ParamGroup>& groups, const Json& expected) {
  golden.expect_equal("number of groups", groups.size(), expected.size());
  for (size_t g = 0; g < std::min(groups.size(), expected.size()); ++g) {
    golden.expect_text("group name", groups[g].name, expected[g].at("group_name").get<std::string>());
    golden.expect_near("weight decay", groups[g].weight_decay, expected[g].at("weight_decay").get<double>(), 1e-15);
    std::vector<std::string> names;
    for (const Parameter* param : groups[g].params) names.push_back(native_name(param->name));
    golden.expect_equal("parameters of " + groups[g].name, names,
                        expected[g].at("params").get<std::vector<std::string>>());
  }
}

void run_groups_case(const Json& c, const Json& native, const Json& decay, GoldenCase& golden) {
  model::Molmo molmo(config::model_from_native(native, "groups.json"));
  config::OptimizerConfig optimizer;
  const Json& freeze = c.at("freeze");
  optimizer.connector.train = freeze.at("ft_connector").get<bool>();
  optimizer.vit.train = freeze.at("ft_vit").get<bool>();
  optimizer.llm.train = freeze.at("ft_llm").get<bool>();
  optimizer.embedding = golden_embedding_training(freeze.at("ft_embedding").get<std::string>());
  optimizer.connector.weight_decay = decay.at("connector").get<double>();
  optimizer.vit.weight_decay = decay.at("vit").get<double>();
  optimizer.llm.weight_decay = decay.at("llm").get<double>();
  train::mark_trained(molmo.params(), optimizer);
  compare_groups(golden, train::make_groups(molmo.params(), optimizer), c.at("groups"));
}

// The case's tensors as parameters.
void add_parameters(ParamSet& params, const TensorMap& tensors) {
  const std::string prefix = "initial/";
  for (const auto& [name, value] : tensors) {
    if (!name.starts_with(prefix)) continue;
    const std::string own = name.substr(prefix.size());
    params.add(own, value.sizes(), Init::zeros(),
               {.kind = names_matrix(own, value.dim()) ? ParamKind::kMatrix : ParamKind::kTable,
                .component = component_of_name(own),
                .place = place_of_name(own),
                .decays = name_decays(own)});
    params.find(own)->value = value.clone();
  }
}

void compare_step(GoldenCase& golden, const Json& step, const train::ClipResult& clip) {
  const Json& norms = step.at("grad_norm");
  golden.expect_near("total norm", clip.total_norm, norms.at("total").get<double>(), 0.0, 1e-6);
  for (const Component which : train::kComponents) {
    const std::string name(train::component_name(which));
    const auto index = static_cast<size_t>(which);
    golden.expect_near("norm of " + name, clip.norms[index], norms.at(name).get<double>(), 1e-12, 1e-6);
    golden.expect_near("clip factor of " + name, clip.factors[index], step.at("clip_factor").at(name).get<double>(),
                       0.0, 1e-6);
  }
  golden.expect_near("clipping rate", clip.clipping_rate, step.at("clipping_rate").get<double>(), 1e-7);
}

void run_optimizer_case(const std::filesystem::path& folder, GoldenCase& golden) {
  const Json c = read_json(folder / "case.json");
  if (c.at("optimizer").at("name") != "adamw")
    return golden.skip("optimizer " + c.at("optimizer").at("name").get<std::string>());
  const TensorMap tensors = read_golden_tensors(folder / "tensors.safetensors");
  ParamSet params;
  add_parameters(params, tensors);
  const config::OptimizerConfig config =
      golden_optimizer(c.at("optimizer"), c.at("scheduler"), c.at("max_grad_norm"), c.at("ft_embedding"));
  train::mark_trained(params, config);
  train::AdamW optimizer(train::make_groups(params, config), config);
  compare_groups(golden, optimizer.groups(), c.at("groups"));

  for (const Json& expected : c.at("steps")) {
    const int64_t step = expected.at("step").get<int64_t>();
    const std::string suffix = "/" + std::to_string(step) + "/";
    for (Parameter& param : params.all()) {
      const Tensor gradient = tensor_or_none(tensors, "gradient" + suffix + param.name);
      param.value.mutable_grad() = gradient.defined() && param.value.requires_grad() ? gradient.clone() : Tensor();
    }
    const std::vector<double> squares = tensor::read_values({train::squared_norms(optimizer.groups())});
    compare_step(golden, expected,
                 train::clip_gradients(optimizer.groups(), {squares[0], squares[1], squares[2]}, config, step));
    optimizer.update(step, c.at("max_steps").get<int64_t>());
    for (const Parameter& param : params.all()) {
      const Tensor weight = tensor_or_none(tensors, "weight" + suffix + param.name);
      if (weight.defined()) expect_tensor_near(golden, "weight" + suffix + param.name, param.value, weight, 2e-6);
    }
  }
  for (const auto& [name, value] : optimizer.state()) {
    for (const std::string moment : {"exp_avg", "exp_avg_sq"}) {
      if (!name.ends_with("." + moment)) continue;
      const Tensor wanted = tensor_or_none(tensors, moment + "/" + name.substr(0, name.size() - moment.size() - 1));
      if (wanted.defined()) expect_tensor_near(golden, name, value, wanted, 1e-6);
    }
  }
}

}  // namespace

GOLDEN_PART(groups) {
  const auto path = run.folder() / "groups.json";
  if (!std::filesystem::exists(path)) return;
  std::map<std::string, Json> configs;
  size_t number = 0;
  const Json file = read_json(path);
  for (const Json& c : file.at("cases")) {
    const std::string model = c.at("model").get<std::string>();
    if (c.contains("config") && !c.at("config").is_null()) configs[model] = c.at("config");
    run.run_case(fmt::format("groups/{}-{}", model, number++), [&](GoldenCase& golden) {
      run_groups_case(c, configs.at(model), file.at("component_weight_decay"), golden);
    });
  }
}

GOLDEN_PART(optimizer) { run.run_folder("optimizer", "", run_optimizer_case); }

}  // namespace molmo::testing
