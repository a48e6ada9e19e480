// SPDX-License-Identifier: Apache-2.0
#include "tensor/linear_cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/memory_meter.h"
#include "tensor/ops.h"
#include "tensor/runtime.h"

namespace molmo::tensor {
namespace {

struct Case {
  Tensor x, labels, weights;
  Head head;
};

Case random_case(int64_t rows, int64_t width, int64_t classes, at::ScalarType type) {
  const at::Generator generator = make_generator(4);
  const auto leaf = [&](at::IntArrayRef shape, double scale) {
    return (at::randn(shape, generator) * scale).to(type).set_requires_grad(true);
  };
  return {.x = leaf({rows, width}, 2.0),
          .labels = at::randint(0, classes, {rows}, generator, at::TensorOptions().dtype(at::kLong)),
          .weights = at::rand({rows}, generator) + 0.1,
          .head = {.weight = leaf({classes, width}, 0.7), .bias = leaf({classes}, 0.5), .logit_divisor = 1.7}};
}

// The same by operators over all logits at once.
CrossEntropySums whole(const Case& c, const CrossEntropyOptions& options) {
  const Tensor logits = at::linear(c.x, c.head.weight, c.head.bias) / c.head.logit_divisor;
  const Tensor picked = at::log_softmax(logits, -1).gather(1, c.labels.unsqueeze(1)).squeeze(1);
  CrossEntropySums sums;
  sums.cross_entropy = -(c.weights * picked).sum();
  sums.z_loss = (c.weights * at::logsumexp(logits, {-1}).square()).sum() * options.z_loss_scale;
  sums.accuracy = (c.weights * (logits.argmax(-1) == c.labels)).sum();
  sums.loss = sums.cross_entropy + sums.z_loss;
  return sums;
}

std::vector<Tensor> take_gradients(const Case& c) {
  std::vector<Tensor> gradients;
  for (Tensor leaf : {c.x, c.head.weight, c.head.bias}) {
    gradients.push_back(leaf.grad());
    leaf.mutable_grad() = Tensor();
  }
  return gradients;
}

TEST(LinearCrossEntropy, EqualsTheOperatorsInAnyChunks) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const Case c = random_case(13, 8, 21, type);
    const double tolerance = type == at::kDouble ? 1e-6 : 2e-5;  // the sums are of float32 weights
    for (const double z_loss_scale : {0.0, 1e-2}) {
      for (const int64_t rows : {1, 4, 13, 0}) {
        const CrossEntropyOptions options{.compute = type, .z_loss_scale = z_loss_scale, .chunk_rows = rows};
        const CrossEntropySums got = linear_cross_entropy(c.x, c.head, c.labels, c.weights, options),
                               expected = whole(c, options);
        EXPECT_NEAR(got.cross_entropy.item<double>(), expected.cross_entropy.item<double>(), 30 * tolerance);
        EXPECT_NEAR(got.z_loss.item<double>(), expected.z_loss.item<double>(), 30 * tolerance);
        EXPECT_NEAR(got.accuracy.item<double>(), expected.accuracy.item<double>(), 30 * tolerance);
        (got.loss * 0.25).backward();
        const std::vector<Tensor> gradients = take_gradients(c);
        (expected.loss * 0.25).backward();
        const std::vector<Tensor> wanted = take_gradients(c);
        for (size_t i = 0; i < wanted.size(); ++i) {
          EXPECT_LE((gradients[i] - wanted[i]).abs().max().item<double>(),
                    tolerance * wanted[i].abs().max().item<double>())
              << i;
        }
      }
    }
  }
}

TEST(LinearCrossEntropy, TakesNoRows) {
  const Case c = random_case(0, 8, 21, at::kFloat);
  const CrossEntropySums sums = linear_cross_entropy(c.x, c.head, c.labels, c.weights, {});
  EXPECT_EQ(sums.loss.item<double>(), 0.0);
  sums.loss.backward();
  EXPECT_EQ(c.head.weight.grad().abs().max().item<double>(), 0.0);
}

TEST(LinearCrossEntropy, HoldsAChunkOfLogitsAtMost) {
  const int64_t rows = 512, classes = 4096;
  const Case c = random_case(rows, 16, classes, at::kFloat);
  MemoryMeter meter;
  linear_cross_entropy(c.x, c.head, c.labels, c.weights, {.chunk_rows = 32}).loss.backward();
  const int64_t peak = meter.peak_bytes();
  EXPECT_GT(peak, 32 * classes * 4);
  EXPECT_LT(peak, rows * classes * 4 / 2) << "half of the whole logits";
}

// The largest gradient of a model: who takes it need not copy it.
TEST(LinearCrossEntropy, HandsItsGradientsOn) {
  const int64_t classes = 4096, width = 64;
  const Case c = random_case(4, width, classes, at::kFloat);
  const CrossEntropySums sums = linear_cross_entropy(c.x, c.head, c.labels, c.weights, {});
  const MemoryMeter meter;
  sums.loss.backward();
  EXPECT_LT(meter.peak_bytes(), classes * width * 4 / 2);
}

}  // namespace
}  // namespace molmo::tensor
