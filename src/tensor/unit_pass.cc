// SPDX-License-Identifier: Apache-2.0
#include "tensor/unit_pass.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "tensor/kernels.h"
#include "tensor/ops.h"

namespace molmo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One pass of a unit, from its forward to its backward.
struct Pass {
  UnitWeights& weights;
  UnitFunction function;
  bool recomputes;
  TensorList inputs, outputs;  // of the inner graph

  // Runs the function on detached copies of the inputs: the inner graph ends at them.
  void build_graph() {
    const at::AutoGradMode with_gradients(true);
    run();
  }

  // A recomputation must give the bits of the first run, so both take the kernels that have a backward.
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

// Weights are gathered while one of these exists; an exception releases them too.
class Use {
 public:
  Use(UnitWeights& weights, UnitWeights::Direction direction) : weights_(weights) { weights_.acquire(direction); }
  ~Use() { weights_.release(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  UnitWeights& weights_;
};

// Runs the inner graph backward. Returns the gradients of the defined inputs; those of the weights are added to them.
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
  // Autograd makes a node only where an input requires a gradient, and the first unit has token ids alone: `anchor`, an
  // empty tensor, does. `inputs` are those of the pass that are defined: autograd takes no others.
  static variable_list forward(AutogradContext* context, std::shared_ptr<Pass> pass, const Tensor& anchor,
                               at::TensorList inputs) {
    (void)anchor, (void)inputs;
    context->set_materialize_grads(false);  // a missing gradient stays undefined: its part of the graph is not run
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
      pass->outputs.clear();  // frees the inner graph before the weights that it refers to
      pass->inputs.clear();
    }
    // Autograd keeps saved data until the whole graph is freed, which would keep the inputs of all units at once.
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

}  // namespace molmo
