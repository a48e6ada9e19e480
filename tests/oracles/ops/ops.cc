// Single operations of the model (golden/ops): rotary positions, norms, activations, cross-entropy with z-loss.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/ops.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "config/model_config.h"
#include "generate/sampler.h"
#include "model/positions.h"
#include "nn/activation.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "oracles/ops/op_case.h"
#include "oracles/tensors.h"
#include "train/loss.h"

namespace molmo::testing {
namespace {

using OpTest = void (*)(const OpCase&, GoldenCase&);

void test_rope(const OpCase& c, GoldenCase& golden) {
  const nn::RopeTables tables =
      nn::rope_tables(c.in("position_ids").flatten(), c.op.at("options").at("head_dim").get<int64_t>(),
                      c.op.at("options").at("theta").get<double>());
  expect_tensor_near(golden, "sin", tables.sin, c.tensors.at("out.sin"), 0.0, 1e-6);
  expect_tensor_near(golden, "cos", tables.cos, c.tensors.at("out.cos"), 0.0, 1e-6);
  for (const char* name : {"q", "k"}) {
    expect_tensor_near(golden, name, nn::apply_rope(c.in(name), tables), c.tensors.at(std::string("out.") + name),
                       c.tolerance(name, 1e-6));
  }
}

void test_rms_norm(const OpCase& c, GoldenCase& golden) {
  const Tensor y = nn::rms_norm(c.in("x"), c.in("weight"), c.op.at("options").at("eps").get<double>());
  expect_tensor_near(golden, "y", y, c.tensors.at("out.y"), 1e-6);
}

void test_layer_norm(const OpCase& c, GoldenCase& golden) {
  if (c.is_bf16("out.y")) return golden.skip("layer norm in low precision: ours is float32 throughout");
  const Tensor y = nn::layer_norm(c.in("x"), c.in("weight"), c.in("bias"), c.op.at("options").at("eps").get<double>());
  expect_tensor_near(golden, "y", y, c.tensors.at("out.y"), 2e-6);
}

void test_activation(const OpCase& c, GoldenCase& golden) {
  const std::string name = c.op.at("options").at("name").get<std::string>();
  for (const auto& [activation, known] : config::EnumNames<config::Activation>::values) {
    if (known == name)
      return expect_tensor_near(golden, "y", nn::activate(c.in("x"), activation), c.tensors.at("out.y"), 1e-6);
  }
  golden.skip("activation " + name);
}

void test_swiglu(const OpCase& c, GoldenCase& golden) {
  expect_tensor_near(golden, "y", nn::swiglu_fused(c.in("x")), c.tensors.at("out.y"), 1e-6);
}

void test_swiglu_two_inputs(const OpCase& c, GoldenCase& golden) {
  expect_tensor_near(golden, "y", nn::swiglu(c.in("x2"), c.in("x1")), c.tensors.at("out.y"), 1e-6);
}

void test_cross_entropy(const OpCase& c, GoldenCase& golden) {
  const Json& options = c.op.at("options");
  const Tensor labels = c.in("labels"), counted = labels != options.at("ignore_index").get<int64_t>();
  const double scale = options.at("z_loss_scale").get<double>();
  const Tensor ones = at::ones({labels.size(0)});
  // The reference's z-loss keeps ignored rows without reduction, and counts them in the mean: hence two calls.
  const Tensor ce = train::token_losses(c.in("logits"), labels, counted.to(at::kFloat), scale).cross_entropy;
  const Tensor z = train::token_losses(c.in("logits"), at::where(counted, labels, 0), ones, scale).z_loss;
  const std::string reduction = options.at("reduction").get<std::string>();
  const auto reduced = [&](const Tensor& values, const Tensor& weights) {
    if (reduction == "none") return values;
    return (reduction == "sum" ? values.sum() : values.sum() / weights.sum()).reshape({1});
  };
  const Tensor z_all = reduction == "none" ? z : z * counted;
  expect_tensor_near(golden, "cross_entropy", reduced(ce, counted.to(at::kFloat)), c.tensors.at("out.cross_entropy"),
                     1e-6);
  expect_tensor_near(golden, "z_loss", reduced(z_all, ones), c.tensors.at("out.z_loss"), 1e-6);
}

void test_position_resize_runtime(const OpCase& c, GoldenCase& golden) {
  const Json& options = c.op.at("options");
  const Tensor y = model::resize_positions(c.in("positional_embedding"), options.at("class_rows").get<int64_t>(),
                                           options.at("grid")[0].get<int64_t>(), options.at("grid")[1].get<int64_t>());
  expect_tensor_near(golden, "positional_embedding", y, c.tensors.at("out.positional_embedding"), 2e-6);
}

void test_position_resize_convert(const OpCase& c, GoldenCase& golden) {
  const Json& options = c.op.at("options");
  const Tensor y = model::convert_positions(c.in("positional_embedding"), options.at("class_rows").get<int64_t>(),
                                            options.at("target_side").get<int64_t>());
  expect_tensor_near(golden, "positional_embedding", y, c.tensors.at("out.positional_embedding"), 2e-6);
}

void test_sampler(const OpCase& c, GoldenCase& golden) {
  const Json& o = c.op.at("options");
  generate::SamplingOptions sampling{.temperature = o.at("temperature").get<double>(), .top_k = {}, .top_p = {}};
  if (!o.at("k").is_null()) sampling.top_k = o.at("k").get<int64_t>();
  if (!o.at("p").is_null()) sampling.top_p = o.at("p").get<double>();
  const Tensor log_probs = c.in("log_probs");
  const int64_t draws = o.at("draws").get<int64_t>();
  const Tensor probs = generate::sampling_probabilities(log_probs, sampling, draws);
  const Tensor expected = c.tensors.at("out.probabilities");
  expect_tensor_near(golden, "probabilities", probs, expected, 0.0, 1e-6);
  expect_tensor_equal(golden, "zeros", probs == 0, expected == 0);
  const Tensor likely = std::get<1>(at::topk(probs, draws));
  expect_tensor_equal(golden, "most_likely", likely, c.tensors.at("out.most_likely").to(at::kLong));
  expect_tensor_near(golden, "most_likely_log_probs", log_probs.gather(1, likely),
                     c.tensors.at("out.most_likely_log_probs"), 0.0, 1e-6);
}

void test_gumbel(const OpCase& c, GoldenCase& golden) {
  expect_tensor_near(golden, "gumbel", generate::gumbel_with_maximum(c.in("phi"), c.in("maximum"), c.in("uniform")),
                     c.tensors.at("out.gumbel"), 0.0, 1e-5);
}

const std::map<std::string, OpTest> kTests = {{"rope", test_rope},
                                              {"rms_norm", test_rms_norm},
                                              {"layer_norm", test_layer_norm},
                                              {"activation", test_activation},
                                              {"swiglu", test_swiglu},
                                              {"swiglu_two_inputs", test_swiglu_two_inputs},
                                              {"cross_entropy_z", test_cross_entropy},
                                              {"position_resize_runtime", test_position_resize_runtime},
                                              {"position_resize_convert", test_position_resize_convert},
                                              {"convert_llm", test_convert_llm},
                                              {"convert_vit", test_convert_vit},
                                              {"sampler", test_sampler},
                                              {"gumbel_with_max", test_gumbel}};

}  // namespace

GOLDEN_PART(ops) {
  run.run_folder("", "", [](const std::filesystem::path& folder, GoldenCase& golden) {
    const OpCase c{read_json(folder / "op.json"), read_golden_tensors(folder / "tensors.safetensors")};
    const std::string op = c.op.at("op").get<std::string>();
    const auto test = kTests.find(op);
    if (test == kTests.end()) return golden.skip("operation " + op);
    test->second(c, golden);
  });
}

}  // namespace molmo::testing
