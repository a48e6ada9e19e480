// SPDX-License-Identifier: Apache-2.0
#include "distributed/lockstep.h"

#include "base/stop_signals.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

constexpr int kStop = -1;  // below every unit's index, so it wins the minimum

}  // namespace

Lockstep::Lockstep(ShardedParams& sharded, Communicator& everyone, std::function<bool()> stops)
    : sharded_(sharded), everyone_(everyone), stops_(std::move(stops)), num_units_(sharded.num_units()) {
  sharded_.begin_pass(/*is_last=*/false);
}

// The lowest index that any rank asks for (the minimum, as the negated maximum); num_units_: nobody asks.
int Lockstep::agree(int own) {
  const int said = stops_ && stops_() ? kStop : own;
  const int next = -static_cast<int>(everyone_.maximum(-said, "the next unit of an evaluation"));
  if (next == kStop) {
    sharded_.free_all();  // gathered ahead: what comes next, a checkpoint, finds no collective in flight
    throw Interruption();
  }
  return next;
}

TensorList Lockstep::run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) {
  if (unit.params.empty()) return function(inputs);
  const int own = sharded_.index_of(unit);
  for (int next = agree(own); next != own; next = agree(own)) sharded_.take_part(next);
  const at::NoGradGuard no_gradients;
  return sharded_.run(unit, inputs, function);
}

void Lockstep::finish() {
  for (int next = agree(num_units_); next != num_units_; next = agree(num_units_)) sharded_.take_part(next);
  sharded_.free_all();
}

}  // namespace molmo::distributed
