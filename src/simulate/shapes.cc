// SPDX-License-Identifier: Apache-2.0
#include "simulate/shapes.h"

#include <ATen/ExpandUtils.h>

#include <map>

#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

using Values = std::vector<c10::IValue>;

Tensor meta(IntArrayRef sizes, at::ScalarType type) {
  return at::empty(sizes, at::TensorOptions().dtype(type).device(at::kMeta));
}

Values like_first(const Values& in) { return {at::empty_like(in[0].toTensor())}; }

// In place, and nothing but the values changes.
Values same(const Values& in) { return {in[0]}; }
Values nothing(const Values&) { return {}; }

Values index_select(const Values& in) {
  const Tensor& x = in[0].toTensor();
  std::vector<int64_t> sizes = x.sizes().vec();
  if (!sizes.empty())
    sizes[static_cast<size_t>(c10::maybe_wrap_dim(in[1].toInt(), x.dim()))] = in[2].toTensor().numel();
  return {meta(sizes, x.scalar_type())};
}

Values where(const Values& in) {
  const Tensor &a = in[1].toTensor(), &b = in[2].toTensor();
  const auto sizes = at::infer_size(in[0].toTensor().sizes(), at::infer_size(a.sizes(), b.sizes()));
  return {meta(sizes, at::result_type(a, b))};
}

Values embedding_backward(const Values& in) {
  const Tensor& grad = in[0].toTensor();
  return {meta({in[2].toInt(), grad.size(-1)}, grad.scalar_type())};
}

Values layer_norm(const Values& in) {
  const Tensor& x = in[0].toTensor();
  std::vector<int64_t> rows = x.sizes().vec();
  for (size_t i = 0; i < in[1].toIntVector().size(); ++i) rows[rows.size() - 1 - i] = 1;
  const at::ScalarType wide = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return {at::empty_like(x), meta(rows, wide), meta(rows, wide)};
}

Values layer_norm_backward(const Values& in) {
  const auto mask = in[7].toBoolList();
  const auto like = [&](size_t which, const c10::IValue& value) {
    return mask[which] && value.isTensor() ? at::empty_like(value.toTensor()) : Tensor();
  };
  return {like(0, in[1]), like(1, in[5]), like(2, in[6])};
}

// Packed: q [T, H, Dh]; the logarithms of sums are [H, T].
Values flash(const Values& in) {
  const Tensor& q = in[0].toTensor();
  const Tensor unused = meta({0}, q.scalar_type());
  return {at::empty_like(q), meta({q.size(1), q.size(0)}, at::kFloat), meta({2}, at::kUInt64), unused, unused};
}

// [B, H, S, Dh], whose result is laid out as [B, S, H, Dh].
Values sdpa_flash(const Values& in) {
  const Tensor &q = in[0].toTensor(), &k = in[1].toTensor();
  const Tensor unused = meta({0}, q.scalar_type());
  const Tensor out = meta({q.size(0), q.size(2), q.size(1), q.size(3)}, q.scalar_type()).transpose(1, 2);
  return {out,
          meta({q.size(0), q.size(1), q.size(2)}, at::kFloat),
          Tensor(),
          Tensor(),
          q.size(2),
          k.size(2),
          meta({2}, at::kUInt64),
          unused,
          unused};
}

Values three_after_first(const Values& in) {  // gradients of q, k and v
  return {at::empty_like(in[1].toTensor()), at::empty_like(in[2].toTensor()), at::empty_like(in[3].toTensor())};
}

Values broadcast_pair(const Values& in) {
  const Tensor &a = in[0].toTensor(), &b = in[1].toTensor();
  return {meta(at::infer_size(a.sizes(), b.sizes()), at::result_type(a, b))};
}

// out= of operands that are broadcast.
Values broadcast_out(const Values& in) {
  std::vector<int64_t> sizes = in[0].toTensor().sizes().vec();
  for (size_t i = 1; i + 1 < in.size(); ++i) sizes = at::infer_size(sizes, in[i].toTensor().sizes());
  in.back().toTensor().resize_(sizes);
  return {in.back()};
}

// Products of a dtype of their own.
Values mm_to(const Values& in) {
  return {meta({in[0].toTensor().size(0), in[1].toTensor().size(1)}, in[2].toScalarType())};
}
Values addmm_to(const Values& in) {
  return {meta({in[1].toTensor().size(0), in[2].toTensor().size(1)}, in[3].toScalarType())};
}
Values last(const Values& in) { return {in.back()}; }  // out=

Values grouped_mm(const Values& in) {
  const Tensor &a = in[0].toTensor(), &b = in[1].toTensor();
  if (a.dim() == 2 && b.dim() == 2) {  // groups along the summed axis: [groups, m, n]
    return {meta({in[2].toTensor().size(0), a.size(0), b.size(1)}, a.scalar_type())};
  }
  std::vector<int64_t> sizes = a.sizes().vec();
  sizes.back() = b.size(-1);
  return {meta(sizes, a.scalar_type())};
}

}  // namespace

ShapeFunction shape_function(const std::string& name) {
  static const std::map<std::string, ShapeFunction> functions = {
      {"aten::index_select", index_select},
      {"aten::where.self", where},
      {"aten::floor_divide", broadcast_pair},
      {"aten::roll", like_first},
      {"aten::flip", like_first},
      {"aten::isnan", like_first},
      {"aten::embedding_dense_backward", embedding_backward},
      {"aten::native_layer_norm", layer_norm},
      {"aten::native_layer_norm_backward", layer_norm_backward},
      {"aten::_flash_attention_forward", flash},
      {"aten::_flash_attention_backward", three_after_first},
      {"aten::_scaled_dot_product_flash_attention", sdpa_flash},
      {"aten::_scaled_dot_product_flash_attention_backward", three_after_first},
      {"aten::_fused_adamw_", nothing},
      {"aten::mm.dtype", mm_to},
      {"aten::mm.dtype_out", last},
      {"aten::addmm.dtype", addmm_to},
      {"aten::addmm.dtype_out", last},
      {"aten::_grouped_mm", grouped_mm},
      {"aten::where.self_out", broadcast_out},
      {"aten::abs.out", broadcast_out},
      {"aten::logical_not.out", broadcast_out},
      {"aten::logical_and.out", broadcast_out},
      {"aten::logical_or.out", broadcast_out},
      {"aten::logical_xor.out", broadcast_out},
      {"aten::masked_fill_.Scalar", same},
      {"aten::masked_fill_.Tensor", same}};
  const auto found = functions.find(name);
  return found == functions.end() ? nullptr : found->second;
}

}  // namespace molmo::simulate
