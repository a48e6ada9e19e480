// SPDX-License-Identifier: Apache-2.0
#include "tensor/linear_cross_entropy.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "tensor/gemm.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/optional.h"
#include "tensor/precision.h"
#include "tensor/shape.h"

namespace molmo::tensor {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kLeastRows = 64;

// Sums over the chunks.
struct Sums {
  Tensor cross_entropy, z_loss, accuracy;  // []
  Tensor grad_x, grad_weight, grad_bias;   // undefined where nobody wants them
};

class Chunks {
 public:
  Chunks(const Tensor& x, const Head& head, const CrossEntropyOptions& options, bool with_gradients)
      : x_(x),
        head_(head),
        options_(options),
        weight_(head.weight.to(options.compute)),
        bias_(head.bias.defined() ? head.bias.to(options.compute) : head.bias),
        master_(x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat)) {
    for (Tensor* sum : {&sums_.cross_entropy, &sums_.z_loss, &sums_.accuracy}) *sum = at::zeros({}, master_);
    if (!with_gradients) return;
    wants_weight_ = head.weight.requires_grad();
    wants_bias_ = head.bias.defined() && head.bias.requires_grad();
    if (x.requires_grad()) sums_.grad_x = at::empty_like(x);
  }

  void add(int64_t begin, int64_t end, const Tensor& labels, const Tensor& weights) {
    const Tensor rows = x_.slice(0, begin, end).to(options_.compute);  // [m, D]
    Tensor logits = linear(rows, weight_, bias_);                      // [m, V]
    if (head_.logit_divisor != 1.0) logits = logits / head_.logit_divisor;
    const Tensor wide = widened(logits);
    const Tensor target = labels.slice(0, begin, end).unsqueeze(1),
                 weight = weights.slice(0, begin, end).to(wide.scalar_type());
    sums_.accuracy.add_((weight * (wide.argmax(-1) == target.squeeze(1))).sum());
    // Not logsumexp minus the logit: with logits near 100 that difference loses the last digits.
    Tensor log_probs = at::log_softmax(wide, -1);  // [m, V]
    sums_.cross_entropy.sub_((weight * log_probs.gather(-1, target).squeeze(1)).sum());
    Tensor share = weight;  // of the probabilities in the gradient
    if (options_.z_loss_scale > 0) {
      const Tensor log_sum = at::logsumexp(wide, {-1});  // [m]
      sums_.z_loss.add_((weight * log_sum.square()).sum().mul_(options_.z_loss_scale));
      share = weight * (1.0 + 2.0 * options_.z_loss_scale * log_sum);
    }
    if (!wants_gradients()) return;
    Tensor grad = log_probs.exp_().mul_(share.unsqueeze(1)).scatter_add_(1, target, -weight.unsqueeze(1));
    grad = grad.to(logits.scalar_type());
    if (head_.logit_divisor != 1.0) grad = grad / head_.logit_divisor;
    if (sums_.grad_x.defined()) sums_.grad_x.slice(0, begin, end).copy_(gemm(grad, weight_));
    if (wants_weight_) add_to(sums_.grad_weight, gemm(grad.t(), rows));
    if (wants_bias_) add_to(sums_.grad_bias, grad.sum(0));
  }

  // Once all chunks have been added. Without any the gradients are zeros.
  const Sums& finish() {
    if (wants_weight_ && !sums_.grad_weight.defined()) sums_.grad_weight = at::zeros(head_.weight.sizes(), master_);
    if (wants_bias_ && !sums_.grad_bias.defined()) sums_.grad_bias = at::zeros(head_.bias.sizes(), master_);
    return sums_;
  }

 private:
  bool wants_gradients() const { return sums_.grad_x.defined() || wants_weight_ || wants_bias_; }

  // In float32 at least. The first chunk's is taken as it is: adding it to zeros would move twice as many bytes.
  void add_to(Tensor& sum, const Tensor& part) const {
    sum = sum.defined() ? sum.add_(part) : part.to(master_.dtype());
  }

  const Tensor& x_;
  const Head& head_;
  const CrossEntropyOptions& options_;
  Tensor weight_, bias_;      // as the products want them
  at::TensorOptions master_;  // of what is summed
  bool wants_weight_ = false, wants_bias_ = false;
  Sums sums_;
};

struct LinearCrossEntropy : torch::autograd::Function<LinearCrossEntropy> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                               const std::optional<Tensor>& bias, const Tensor& labels, const Tensor& weights,
                               double logit_divisor, const CrossEntropyOptions* options, bool with_gradients) {
    const Head head{weight, bias.value_or(Tensor()), logit_divisor};
    const int64_t num_rows = x.size(0);
    const int64_t step = options->chunk_rows > 0
                             ? options->chunk_rows
                             : std::max(kLeastRows, chunk_values(x.device()) / std::max<int64_t>(1, weight.size(0)));
    Chunks chunks(x, head, *options, with_gradients);
    for (int64_t begin = 0; begin < num_rows; begin += step)
      chunks.add(begin, std::min(begin + step, num_rows), labels, weights);
    const Sums& sums = chunks.finish();
    context->saved_data["x"] = sums.grad_x;
    context->saved_data["weight"] = sums.grad_weight;
    context->saved_data["bias"] = sums.grad_bias;
    context->set_materialize_grads(false);
    const variable_list parts{sums.cross_entropy + sums.z_loss, sums.cross_entropy, sums.z_loss, sums.accuracy};
    context->mark_non_differentiable({parts[1], parts[2], parts[3]});
    return parts;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    // Moved out: autograd takes a gradient that nobody else refers to without copying it.
    const auto scaled = [&](const char* name) {
      Tensor made = std::move(context->saved_data[name]).toTensor();
      context->saved_data.erase(name);
      return made.defined() && grads[0].defined() ? made.mul_(grads[0].to(made.scalar_type())) : Tensor();
    };
    return {scaled("x"), scaled("weight"), scaled("bias"), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

int64_t chunk_values(at::Device device) { return int64_t{1} << (device.is_cpu() ? 25 : 27); }

CrossEntropySums linear_cross_entropy(const Tensor& x, const Head& head, const Tensor& labels, const Tensor& weights,
                                      const CrossEntropyOptions& options) {
  expect_shape("cross-entropy x", x, {labels.size(0), head.weight.size(1)});
  expect_shape("cross-entropy weights", weights, {labels.size(0)});
  const variable_list parts = LinearCrossEntropy::apply(x, head.weight, as_optional(head.bias), labels, weights,
                                                        head.logit_divisor, &options, at::GradMode::is_enabled());
  return {.loss = parts[0], .cross_entropy = parts[1], .z_loss = parts[2], .accuracy = parts[3]};
}

}  // namespace molmo::tensor
