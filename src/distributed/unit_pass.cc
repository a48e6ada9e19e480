// SPDX-License-Identifier: Apache-2.0
#include "distributed/unit_pass.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A pass between its forward and its backward.
struct Pass {
  UnitWeights& weights;
  UnitFunction function;
  bool recomputes;
  TensorList inputs, outputs;  // of the inner graph

  // Runs the function on leaves of its own. The inner graph begins and ends here.
  void build_graph() {
    const at::AutoGradMode with_gradients(true);
    run();
  }

  // What runs twice takes the same kernels both times.
  void run() {
    std::optional<tensor::ScopedBackwardKernels> same_kernels;
    if (recomputes) same_kernels.emplace();
    outputs = function(inputs);
  }

  void take_inputs(const TensorList& outer) {
    for (const Tensor& input : outer) {
      inputs.push_back(input.defined() ? input.detach().set_requires_grad(input.requires_grad()) : input);
    }
  }
};

// The weights are there while one of these lives, errors or not.
class Use {
 public:
  Use(UnitWeights& weights, UnitWeights::Direction direction) : weights_(weights) { weights_.acquire(direction); }
  ~Use() { weights_.release(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  UnitWeights& weights_;
};

// Gradients of a pass: those of its defined inputs are returned, those of the weights go to them.
TensorList backward_of(Pass& pass, const variable_list& gradients) {
  variable_list outputs, output_gradients, wanted;
  for (size_t i = 0; i < pass.outputs.size(); ++i) {
    if (!gradients[i].defined() || !pass.outputs[i].requires_grad()) continue;
    outputs.push_back(pass.outputs[i]);
    output_gradients.push_back(gradients[i]);
  }
  for (const Tensor& input : pass.inputs) {
    if (input.defined() && input.requires_grad()) wanted.push_back(input);
  }
  const size_t num_inputs = wanted.size();
  wanted.insert(wanted.end(), pass.weights.trained().begin(), pass.weights.trained().end());
  variable_list found(wanted.size());
  if (!outputs.empty()) {
    found = torch::autograd::grad(outputs, wanted, output_gradients, /*retain_graph=*/false, /*create_graph=*/false,
                                  /*allow_unused=*/true);
  }
  const auto middle = found.begin() + static_cast<ptrdiff_t>(num_inputs);
  if (!pass.weights.trained().empty()) pass.weights.add_gradients(TensorList(middle, found.end()));
  TensorList of_inputs;
  auto next = found.begin();
  for (const Tensor& input : pass.inputs) {
    if (input.defined()) of_inputs.push_back(input.requires_grad() ? *next++ : Tensor());
  }
  return of_inputs;
}

class PassNode : public torch::autograd::Function<PassNode> {
 public:
  // `anchor` requires a gradient: a node is made even where no input does (token ids). `inputs` are those of the pass
  // that are defined: autograd takes no others.
  static variable_list forward(AutogradContext* context, std::shared_ptr<Pass> pass, const Tensor& anchor,
                               at::TensorList inputs) {
    (void)anchor, (void)inputs;
    context->set_materialize_grads(false);
    {
      const Use use(pass->weights, UnitWeights::Direction::kForward);
      if (pass->recomputes) {
        const at::NoGradGuard no_gradients;
        pass->run();
      } else {
        pass->build_graph();
      }
    }
    variable_list results;
    for (const Tensor& output : pass->outputs) results.push_back(output.detach());
    if (pass->recomputes) pass->outputs.clear();
    context->saved_data["pass"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(std::move(pass)));
    return results;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const std::shared_ptr<Pass> pass =
        c10::static_intrusive_pointer_cast<Holder>(context->saved_data["pass"].toCapsule())->pass;
    TensorList of_inputs;
    {
      const Use use(pass->weights, UnitWeights::Direction::kBackward);
      if (pass->recomputes) pass->build_graph();
      of_inputs = backward_of(*pass, gradients);
      pass->outputs.clear();  // the inner graph goes while its weights are there
      pass->inputs.clear();
    }
    // Of what it saves itself autograd keeps this until the whole graph goes: the inputs of all units at once.
    context->saved_data.erase("pass");
    variable_list results(2);  // of the pass and the anchor: none
    results.insert(results.end(), of_inputs.begin(), of_inputs.end());
    return results;
  }

 private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<Pass> held) : pass(std::move(held)) {}
    std::shared_ptr<Pass> pass;
  };
};

bool wants_gradients(const UnitWeights& weights, const TensorList& inputs) {
  if (!at::GradMode::is_enabled()) return false;
  return !weights.trained().empty() || std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) {
    return input.defined() && input.requires_grad();
  });
}

}  // namespace

TensorList run_pass(UnitWeights& weights, const TensorList& inputs, const UnitFunction& function, bool recomputes) {
  if (!wants_gradients(weights, inputs)) {
    const at::NoGradGuard no_gradients;
    const Use use(weights, UnitWeights::Direction::kForward);
    return function(inputs);
  }
  auto pass = std::make_shared<Pass>(
      Pass{.weights = weights, .function = function, .recomputes = recomputes, .inputs = {}, .outputs = {}});
  pass->take_inputs(inputs);
  TensorList defined;
  for (const Tensor& input : inputs) {
    if (input.defined()) defined.push_back(input);
  }
  const Tensor anchor = at::empty({0}).set_requires_grad(true);
  return PassNode::apply(std::move(pass), anchor, at::TensorList(defined));
}

}  // namespace molmo::distributed
