// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/LegacyTypeDispatch.h>

#include "molmo/error.h"
#include "simulate/backend.h"
#include "simulate/cost.h"
#include "simulate/gpu.h"
#include "simulate/memory.h"
#include "simulate/operators.h"
#include "tensor/ops.h"

namespace molmo::simulate {
namespace {

using c10::OperatorHandle;
using torch::jit::Stack;

void copy_values(const Tensor& to, const Tensor& from) {
  const Backend values(/*has_values=*/true);
  if (to.storage().nbytes() > kMostKnownBytes || !is_known(from)) {
    if (is_simulated(to)) {
      Backend(/*has_values=*/false).update(to, to);
    } else {
      to.fill_(1);  // as a single value that is read
    }
    return;
  }
  values.stand_in(to).copy_(values.stand_in(from));
}

}  // namespace

// copy_(Tensor(a!) self, Tensor src, bool non_blocking) -> Tensor(a!)
void copy_operator(const OperatorHandle&, Stack* stack) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const bool is_asynchronous = torch::jit::pop(*stack).toBool();
  const Tensor from = torch::jit::pop(*stack).toTensor(), to = torch::jit::pop(*stack).toTensor();
  copy_values(to, from);
  Event event{.name = "copy_", .num_launches = 1, .bytes = distinct_bytes(from) + distinct_bytes(to)};
  if (!is_simulated(from) || !is_simulated(to)) {
    const Tensor& host = is_simulated(from) ? to : from;
    event.kind = EventKind::kCopy;
    event.name = is_simulated(from) ? "copy to the host" : "copy to the device";
    event.waits = !(is_asynchronous && is_pinned(host.storage().data()));
    event.bytes = static_cast<double>(from.nbytes());
  }
  if (event.bytes > 0) record(std::move(event));
  torch::jit::push(*stack, to);
}

// The host waits for a value. Where it is not known it is 1: a loss, a norm.
void read_operator(const OperatorHandle& op, Stack* stack) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const Tensor tensor = torch::jit::pop(*stack).toTensor();
  record({.kind = EventKind::kHostRead,
          .name = op.schema().name().substr(6),
          .bytes = static_cast<double>(tensor.nbytes()),
          .waits = true});
  const Tensor known = known_values(tensor);
  torch::jit::push(*stack, known.defined() ? known.item() : at::Scalar(1.0));
}

// Operators whose results have a shape that depends on values: the host waits for it.
void value_operator(const OperatorHandle& op, Stack* stack) {
  for (size_t i = 0; i < op.schema().arguments().size(); ++i) {
    for (const Tensor& tensor : tensors_in(torch::jit::peek(*stack, i, op.schema().arguments().size()))) {
      if (!is_known(tensor)) {
        throw Error(fmt::format("[simulate] the shape of {} depends on values that a simulated GPU does not have",
                                op.schema().name()),
                    ExitCode::kBug);
      }
    }
  }
  record({.kind = EventKind::kHostRead, .name = op.schema().name().substr(6), .waits = true});
  run_operator(op, stack);
}

// bincount(Tensor self, Tensor? weights, SymInt minlength) -> Tensor: of values that are not known, as those of experts
// that a router has chosen, all get the same share.
void count_operator(const OperatorHandle& op, Stack* stack) {
  const Tensor values = torch::jit::peek(*stack, 0, 3).toTensor();
  const int64_t least = torch::jit::peek(*stack, 2, 3).toInt();
  if (is_known(values) || least == 0) return value_operator(op, stack);
  record({.kind = EventKind::kHostRead, .name = "bincount", .num_launches = 2, .waits = true});
  const Tensor counts = at::full({least}, values.numel() / least, at::kLong);
  counts[0] += values.numel() % least;
  torch::jit::drop(*stack, 3);
  torch::jit::push(*stack, Backend(/*has_values=*/true).keep(counts));
}

}  // namespace molmo::simulate
