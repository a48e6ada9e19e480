// Pre-trained decoders and towers in Hugging Face's layout become ours (golden/ops/convert_*): through a file, as a
// user's.
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "config/native_config.h"
#include "model/molmo.h"
#include "model/weights.h"
#include "oracles/ops/op_case.h"
#include "support/paths.h"

namespace molmo::testing {
namespace {

constexpr std::string_view kSource = "in.source.", kNative = "out.native.";

// Writes the case's source model and loads it below `prefix` of a model whose other parameters are fresh.
std::unique_ptr<model::Molmo> load_source(const OpCase& c, const Json& native, const std::string& prefix) {
  TensorMap source;
  for (const auto& [name, tensor] : c.tensors) {
    if (name.starts_with(kSource)) source[name.substr(kSource.size())] = tensor;
  }
  const TemporaryFolder folder;
  model::write_tensors(folder.path() / "model.safetensors", source);
  auto molmo = std::make_unique<model::Molmo>(config::model_from_native(native, "golden case"));
  molmo->params().materialize(at::kCPU, 1);
  model::load_weights_below(molmo->params(), molmo->config(), prefix, folder.path());
  return molmo;
}

void compare_parameters(const OpCase& c, GoldenCase& golden, const ParamSet& params, const std::string& prefix) {
  for (const auto& [name, expected] : c.tensors) {
    if (!name.starts_with(kNative)) continue;
    const Parameter* param = params.find(prefix + name.substr(kNative.size()));
    if (param == nullptr) {
      golden.fail("no parameter for " + name);
    } else if (name.ends_with("positional_embedding")) {
      expect_tensor_near(golden, name, param->value, expected, 2e-6);
    } else {
      expect_tensor_equal(golden, name, param->value, expected);
    }
  }
}

}  // namespace

void test_convert_llm(const OpCase& c, GoldenCase& golden) {
  Json native = c.op.at("options").at("native");
  native["vision_backbone"] = {{"image_default_input_size", {8, 8}},
                               {"image_patch_size", 4},
                               {"image_num_pos", 5},
                               {"image_emb_dim", 8},
                               {"image_num_heads", 2},
                               {"image_head_dim", 4},
                               {"image_num_layers", 1},
                               {"image_mlp_dim", 8}};
  native["vit_layers"] = {0};
  const auto molmo = load_source(c, native, "model.transformer.");
  compare_parameters(c, golden, molmo->params(), "model.");
  model::ModelInputs inputs;
  inputs.input_ids = c.in("input_ids");
  const at::NoGradGuard no_grad;
  expect_tensor_near(golden, "logits", molmo->forward(inputs, {}), c.tensors.at("out.logits"), 1e-5);
}

void test_convert_vit(const OpCase& c, GoldenCase& golden) {
  const Json& tower = c.op.at("options").at("vision_backbone");
  Json native{{"d_model", 16},
              {"n_heads", 2},
              {"n_layers", 1},
              {"vocab_size", 32},
              {"additional_vocab_size", 8},
              {"rope", true},
              {"weight_tying", false},
              {"vision_backbone", tower},
              {"image_pooling_2d", "attention_meanq"},
              {"max_sequence_length", 64}};
  native["vit_layers"] = {tower.at("image_num_layers").get<int>() - 1};
  const auto molmo = load_source(c, native, "model.vision_backbone.");
  compare_parameters(c, golden, molmo->params(), "model.vision_backbone.image_vit.");
  // [1, 3, H, W] -> [1, N, p*p*3], channels fastest within a patch.
  const Tensor picture = c.in("image_chw");
  const int64_t p = tower.at("image_patch_size").get<int64_t>(), rows = picture.size(2) / p,
                columns = picture.size(3) / p;
  const Tensor patches =
      picture.view({1, 3, rows, p, columns, p}).permute({0, 2, 4, 3, 5, 1}).reshape({1, rows * columns, 3 * p * p});
  expect_tensor_equal(golden, "patches", patches, c.tensors.at("out.patches"));
  const at::NoGradGuard no_grad;
  const Tensor hidden = molmo->tower_features(patches, {}), expected = c.tensors.at("out.last_hidden");
  expect_tensor_near(golden, "last_hidden", hidden, expected.slice(1, expected.size(1) - hidden.size(1)),
                     3e-6);  // the class row is dropped
}

}  // namespace molmo::testing
