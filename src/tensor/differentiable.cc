// SPDX-License-Identifier: Apache-2.0
#include "tensor/differentiable.h"

#include <torch/csrc/autograd/custom_function.h>

#include "tensor/ops.h"

namespace molmo::tensor::differentiable {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Tables exist until the program ends, so a node of the graph may keep a pointer to one.
void save_table(AutogradContext* context, const KernelTable* table) {
  context->saved_data["table"] = static_cast<int64_t>(reinterpret_cast<intptr_t>(table));
}
const KernelTable& saved_table(AutogradContext* context) {
  return *reinterpret_cast<const KernelTable*>(static_cast<intptr_t>(context->saved_data["table"].toInt()));
}

struct RmsNorm : Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, double eps,
                        const KernelTable* table) {
    context->save_for_backward({x, weight});
    context->saved_data["eps"] = eps;
    save_table(context, table);
    return table->rms_norm(x, weight, eps);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const auto [x, weight] = saved_table(context).rms_norm_backward(grads[0].contiguous(), saved[0], saved[1],
                                                                    context->saved_data["eps"].toDouble());
    return {x, weight, Tensor(), Tensor()};
  }
};

struct PackedAttention : Function<PackedAttention> {
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& segments, const KernelTable* table) {
    auto [out, log_sums] = table->packed_attention(q, k, v, segments);
    context->save_for_backward({q, k, v, segments, out, log_sums});
    save_table(context, table);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor grad = grads[0].stride(3) == 1 ? grads[0] : grads[0].contiguous();
    const auto [q, k, v] = saved_table(context).packed_attention_backward(grad, saved[0], saved[1], saved[2], saved[4],
                                                                          saved[5], saved[3]);
    return {q, k, v, Tensor(), Tensor()};
  }
};

struct Rope : Function<Rope> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& sin, const Tensor& cos,
                        const KernelTable* table) {
    context->save_for_backward({sin, cos});
    save_table(context, table);
    return table->rope(x, sin, cos);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor grad = grads[0].stride(3) == 1 ? grads[0] : grads[0].contiguous();
    return {saved_table(context).rope(grad, -saved[0], saved[1]), Tensor(), Tensor(), Tensor()};
  }
};

struct SigmoidUnit : Function<SigmoidUnit> {
  static Tensor forward(AutogradContext* context, const Tensor& x, double a, double b, const KernelTable* table) {
    context->save_for_backward({x});
    context->saved_data["a"] = a;
    context->saved_data["b"] = b;
    save_table(context, table);
    return table->sigmoid_unit(x, a, b);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const Tensor x = context->get_saved_variables()[0];
    const double a = context->saved_data["a"].toDouble(), b = context->saved_data["b"].toDouble();
    return {saved_table(context).sigmoid_unit_backward(grads[0].contiguous(), x, a, b), Tensor(), Tensor(), Tensor()};
  }
};

struct SwiGlu : Function<SwiGlu> {
  static Tensor forward(AutogradContext* context, const Tensor& up, const Tensor& gate, const KernelTable* table) {
    context->save_for_backward({up, gate});
    save_table(context, table);
    return table->swiglu(up, gate);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor both = saved_table(context).swiglu_backward(grads[0].contiguous(), saved[0], saved[1]);
    const int64_t width = saved[0].size(-1);
    return {both.narrow(-1, 0, width), both.narrow(-1, width, width), Tensor()};
  }
};

struct SwiGluFused : Function<SwiGluFused> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const KernelTable* table) {
    context->save_for_backward({x});
    save_table(context, table);
    const int64_t width = x.size(-1) / 2;
    return table->swiglu(x.narrow(-1, 0, width), x.narrow(-1, width, width));
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const Tensor x = context->get_saved_variables()[0];
    const int64_t width = x.size(-1) / 2;
    return {
        saved_table(context).swiglu_backward(grads[0].contiguous(), x.narrow(-1, 0, width), x.narrow(-1, width, width)),
        Tensor()};
  }
};

}  // namespace

Tensor rms_norm(const KernelTable& table, const Tensor& x, const Tensor& weight, double eps) {
  return RmsNorm::apply(x, weight, eps, &table);
}

Tensor packed_attention(const KernelTable& table, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& segments) {
  return PackedAttention::apply(q, k, v, segments, &table);
}

Tensor rope(const KernelTable& table, const Tensor& x, const Tensor& sin, const Tensor& cos) {
  return Rope::apply(x, sin, cos, &table);
}

Tensor sigmoid_unit(const KernelTable& table, const Tensor& x, double a, double b) {
  return SigmoidUnit::apply(x, a, b, &table);
}

Tensor swiglu(const KernelTable& table, const Tensor& up, const Tensor& gate) {
  return SwiGlu::apply(up, gate, &table);
}

Tensor swiglu_fused(const KernelTable& table, const Tensor& x) { return SwiGluFused::apply(x, &table); }

}  // namespace molmo::tensor::differentiable
