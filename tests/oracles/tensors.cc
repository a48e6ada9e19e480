// SPDX-License-Identifier: Apache-2.0
#include "oracles/tensors.h"

#include "model/weights.h"
#include "tensor/ops.h"
#include "tensor/shape.h"

namespace molmo::testing {
namespace {

// True (and counted as failure otherwise) if both are there and have one shape.
bool comparable(GoldenCase& golden, const std::string& what, const Tensor& got, const Tensor& expected) {
  if (!got.defined()) return golden.fail(what + ": absent"), false;
  if (got.sizes() != expected.sizes()) {
    golden.fail(
        fmt::format("{}: got shape {}, expected {}", what, format_shape(got.sizes()), format_shape(expected.sizes())));
    return false;
  }
  return true;
}

double ratio_of(double difference, double tolerance) {
  if (std::isnan(difference)) return INFINITY;
  return difference == 0.0 ? 0.0 : tolerance > 0.0 ? difference / tolerance : INFINITY;
}

}  // namespace

TensorMap read_golden_tensors(const std::filesystem::path& path) {
  return std::filesystem::exists(path) ? model::read_tensors(path) : TensorMap{};
}

Tensor tensor_or_none(const TensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? Tensor() : found->second;
}

void expect_tensor_near(GoldenCase& golden, const std::string& what, const Tensor& got, const Tensor& expected,
                        double relative, double absolute) {
  if (!comparable(golden, what, got, expected)) return;
  if (expected.numel() == 0) return golden.record(what, 0, 0.0);
  const Tensor wide = expected.detach().to(at::kDouble);
  const double difference = (got.detach().to(at::kDouble) - wide).abs().max().item<double>();
  const double largest = wide.abs().max().item<double>();
  golden.record(fmt::format("{}: max difference {:.3g} of max {:.3g}", what, difference, largest), expected.numel(),
                ratio_of(difference, absolute + relative * largest));
}

void expect_tensor_l2(GoldenCase& golden, const std::string& what, const Tensor& got, const Tensor& expected,
                      double relative) {
  if (!comparable(golden, what, got, expected)) return;
  const Tensor wide = expected.detach().to(at::kDouble);
  const double difference = (got.detach().to(at::kDouble) - wide).norm().item<double>(),
               size = wide.norm().item<double>();
  golden.record(fmt::format("{}: L2 difference {:.3g} of {:.3g}", what, difference, size), expected.numel(),
                ratio_of(difference, relative * size));
}

void expect_tensor_equal(GoldenCase& golden, const std::string& what, const Tensor& got, const Tensor& expected) {
  if (!comparable(golden, what, got, expected)) return;
  const int64_t num_different = (got.detach().to(expected.scalar_type()) != expected).sum().item<int64_t>();
  golden.record(fmt::format("{}: {} elements differ", what, num_different), expected.numel(),
                num_different == 0 ? 0.0 : INFINITY);
}

}  // namespace molmo::testing
