// Causal attention over packed rows: a query visits the keys that its segment sees and no others, so a picture with ten
// annotations does a fifth of the work of a masked square. Probabilities are not kept for the backward pass; the
// log-sum of each query's is.
// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/cpu/cpu_kernels.h"
#include "tensor/cpu/simd.h"
#include "tensor/cpu/small_product.h"
#include "tensor/cpu/softmax.h"
#include "tensor/ops.h"

namespace molmo::tensor::cpu {
namespace {

constexpr int64_t kMostQueries = 32;  // of one block: its scores stay in the cache

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// Neighbouring queries of one segment, and the ranges of keys that it sees. The last range ends with the queries
// themselves, so query i of the block sees all but the last (size - 1 - i) of these keys.
struct Block {
  Range queries;
  std::vector<Range> keys;
  int64_t num_keys = 0;
  int64_t num_seen(int64_t query) const { return num_keys - (queries.size() - 1 - query); }
};

std::vector<Block> blocks_of(const int64_t* segments, int64_t length) {
  std::vector<Block> blocks;
  for (int64_t begin = 0; begin < length;) {
    const int64_t segment = segments[begin];
    int64_t end = begin + 1;
    while (end < length && segments[end] == segment && end - begin < kMostQueries) ++end;
    if (segment >= 0) {
      Block block{.queries = {begin, end}, .keys = {}};
      for (int64_t key = 0; key < end; ++key) {
        if (segments[key] < segment) continue;
        if (block.keys.empty() || block.keys.back().end != key) block.keys.push_back({key, key});
        block.keys.back().end = key + 1;
        ++block.num_keys;
      }
      blocks.push_back(std::move(block));
    }
    begin = end;
  }
  return blocks;
}

std::vector<std::vector<Block>> blocks_of_rows(const Tensor& segments) {
  std::vector<std::vector<Block>> rows;
  for (int64_t row = 0; row < segments.size(0); ++row)
    rows.push_back(blocks_of(segments.const_data_ptr<int64_t>() + row * segments.size(1), segments.size(1)));
  return rows;
}

using Matrix = MatrixView<const float>;

// One head of one row: [S, Dh].
Matrix head_of(const Tensor& x, int64_t row, int64_t head) {
  return {x.const_data_ptr<float>() + row * x.stride(0) + head * x.stride(1), x.stride(2)};
}
MatrixView<float> mutable_head_of(Tensor& x, int64_t row, int64_t head) {
  return {x.mutable_data_ptr<float>() + row * x.stride(0) + head * x.stride(1), x.stride(2)};
}
template <class Float>
MatrixView<Float> from_row(MatrixView<Float> x, int64_t row) {
  return {x.data + row * x.row, x.row, x.column};
}
Matrix transposed(Matrix x) { return {x.data, x.column, x.row}; }

// [S, Dh] -> [Dh, S], dense.
void transpose_into(Matrix x, int64_t length, int64_t width, std::vector<float>& to) {
  to.resize(static_cast<size_t>(length * width));
  for (int64_t i = 0; i < length; ++i) {
    for (int64_t j = 0; j < width; ++j) to[static_cast<size_t>(j * length + i)] = x.data[i * x.row + j];
  }
}

// left [S, Dh] of the block's queries times right^T [Dh, S] of its keys -> [queries, num_keys]
void products_with_keys(const Block& block, Matrix left, const std::vector<float>& right, int64_t length, int64_t width,
                        MatrixView<float> out) {
  int64_t column = 0;
  for (const Range& keys : block.keys) {
    small_product(from_row(left, block.queries.begin), {right.data() + keys.begin, length},
                  {out.data + column, out.row}, block.queries.size(), keys.size(), width, /*adds=*/false);
    column += keys.size();
  }
}

// weights [queries, num_keys] times values [S, Dh] of the block's keys -> [queries, Dh]
void sum_over_keys(const Block& block, Matrix weights, Matrix values, int64_t width, MatrixView<float> out) {
  int64_t column = 0;
  for (const Range& keys : block.keys) {
    small_product({weights.data + column, weights.row}, from_row(values, keys.begin), out, block.queries.size(), width,
                  keys.size(), /*adds=*/column > 0);
    column += keys.size();
  }
}

// weights^T [num_keys, queries] times rows [S, Dh] of the block's queries, added to the keys' rows of `out`
void add_to_keys(const Block& block, Matrix weights, Matrix rows, int64_t width, MatrixView<float> out) {
  int64_t column = 0;
  for (const Range& keys : block.keys) {
    small_product(transposed({weights.data + column, weights.row}), from_row(rows, block.queries.begin),
                  from_row(out, keys.begin), keys.size(), width, block.queries.size(), /*adds=*/true);
    column += keys.size();
  }
}

struct Shape {
  explicit Shape(const Tensor& q, const Tensor& k)
      : num_rows(q.size(0)), num_heads(q.size(1)), num_kv_heads(k.size(1)), length(q.size(2)), width(q.size(3)) {}
  int64_t num_rows, num_heads, num_kv_heads, length, width;
  int64_t group() const { return num_heads / num_kv_heads; }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(width)); }
};

// Scratch memory of one task.
struct Workspace {
  explicit Workspace(int64_t length) : scores(static_cast<size_t>(kMostQueries * length)), gradients(scores.size()) {}
  std::vector<float> scores, gradients, keys, values;
};

// All heads that share one key and value head, one after another.
void attend(const Shape& shape, const std::vector<Block>& blocks, const Tensor& q, const Tensor& k, const Tensor& v,
            int64_t row, int64_t kv_head, Tensor& out, Tensor& log_sums) {
  const SoftmaxLoops& softmax = softmax_loops();
  Workspace work(shape.length);
  transpose_into(head_of(k, row, kv_head), shape.length, shape.width, work.keys);
  for (int64_t head = kv_head * shape.group(); head < (kv_head + 1) * shape.group(); ++head) {
    float* sums = log_sums.mutable_data_ptr<float>() + (row * shape.num_heads + head) * shape.length;
    for (const Block& block : blocks) {
      const MatrixView<float> scores{work.scores.data(), block.num_keys};
      products_with_keys(block, head_of(q, row, head), work.keys, shape.length, shape.width, scores);
      for (int64_t i = 0; i < block.queries.size(); ++i) {
        float* line = scores.data + i * scores.row;
        sums[block.queries.begin + i] = softmax.forward(line, block.num_seen(i), shape.scale());
        std::fill(line + block.num_seen(i), line + block.num_keys, 0.0f);
      }
      sum_over_keys(block, {scores.data, scores.row}, head_of(v, row, kv_head), shape.width,
                    from_row(mutable_head_of(out, row, head), block.queries.begin));
    }
  }
}

struct Gradients {
  Tensor q, k, v;
};

void attend_backward(const Shape& shape, const std::vector<Block>& blocks, const Tensor& grad, const Tensor& q,
                     const Tensor& k, const Tensor& v, const Tensor& out, const Tensor& log_sums, int64_t row,
                     int64_t kv_head, Gradients& to) {
  const SimdLoops<float>& loops = simd_loops<float>();
  const SoftmaxLoops& softmax = softmax_loops();
  Workspace work(shape.length);
  const Matrix keys = head_of(k, row, kv_head), values = head_of(v, row, kv_head);
  transpose_into(keys, shape.length, shape.width, work.keys);
  transpose_into(values, shape.length, shape.width, work.values);
  for (int64_t head = kv_head * shape.group(); head < (kv_head + 1) * shape.group(); ++head) {
    const float* sums = log_sums.const_data_ptr<float>() + (row * shape.num_heads + head) * shape.length;
    const Matrix queries = head_of(q, row, head), grads = head_of(grad, row, head), outs = head_of(out, row, head);
    for (const Block& block : blocks) {
      const MatrixView<float> probs{work.scores.data(), block.num_keys}, into{work.gradients.data(), block.num_keys};
      products_with_keys(block, queries, work.keys, shape.length, shape.width, probs);
      products_with_keys(block, grads, work.values, shape.length, shape.width, into);  // of the probabilities
      for (int64_t i = 0; i < block.queries.size(); ++i) {
        const int64_t at = block.queries.begin + i, seen = block.num_seen(i);
        float *p = probs.data + i * probs.row, *g = into.data + i * into.row;
        const float mean = loops.dot(grads.data + at * grads.row, outs.data + at * outs.row, shape.width);
        softmax.backward(p, g, seen, shape.scale(), sums[at], mean);
        std::fill(p + seen, p + block.num_keys, 0.0f);
        std::fill(g + seen, g + block.num_keys, 0.0f);
      }
      add_to_keys(block, {probs.data, probs.row}, grads, shape.width, mutable_head_of(to.v, row, kv_head));
      add_to_keys(block, {into.data, into.row}, queries, shape.width, mutable_head_of(to.k, row, kv_head));
      sum_over_keys(block, {into.data, into.row}, keys, shape.width,
                    from_row(mutable_head_of(to.q, row, head), block.queries.begin));
    }
  }
}

// [B, heads, S, Dh] of zeros that lies in memory as [B, S, heads, Dh]: merging the heads is then a view.
Tensor by_position(const Tensor& like) {
  return at::zeros({like.size(0), like.size(2), like.size(1), like.size(3)}, like.options()).transpose(1, 2);
}

// Calls function(row, kv_head) for all of them, several threads at a time.
template <class Function>
void for_kv_heads(const Shape& shape, const Function& function) {
  at::parallel_for(0, shape.num_rows * shape.num_kv_heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) function(i / shape.num_kv_heads, i % shape.num_kv_heads);
  });
}

}  // namespace

std::tuple<Tensor, Tensor> packed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& segments) {
  const Shape shape(q, k);
  const std::vector<std::vector<Block>> blocks = blocks_of_rows(segments);
  Tensor out = by_position(q), log_sums = at::zeros({shape.num_rows, shape.num_heads, shape.length}, q.options());
  for_kv_heads(shape, [&](int64_t row, int64_t kv_head) {
    attend(shape, blocks[static_cast<size_t>(row)], q, k, v, row, kv_head, out, log_sums);
  });
  return {out, log_sums};
}

std::tuple<Tensor, Tensor, Tensor> packed_attention_backward(const Tensor& grad, const Tensor& q, const Tensor& k,
                                                             const Tensor& v, const Tensor& out, const Tensor& log_sums,
                                                             const Tensor& segments) {
  const Shape shape(q, k);
  const std::vector<std::vector<Block>> blocks = blocks_of_rows(segments);
  Gradients to{by_position(q), by_position(k), by_position(v)};
  for_kv_heads(shape, [&](int64_t row, int64_t kv_head) {
    attend_backward(shape, blocks[static_cast<size_t>(row)], grad, q, k, v, out, log_sums, row, kv_head, to);
  });
  return {to.q, to.k, to.v};
}

}  // namespace molmo::tensor::cpu
