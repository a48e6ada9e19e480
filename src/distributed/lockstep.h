// Lets the ranks of a sharded model generate each at its own pace, without gradients. Answers differ in length, but an
// all-gather needs every rank. So before each unit the ranks agree on the one to gather next: the first in the model's
// order that any rank asks for. Those that asked for it run it, the others only join the gather. A rank that lags
// thereby catches up, and from then on all run together.
//
//   distributed::Lockstep lockstep(sharded, everyone);
//   { const ScopedUnitRunner scope(lockstep);  answer(questions); }
//   lockstep.finish();                                  // joins the others' gathers until all have finished
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "distributed/sharded_params.h"

namespace molmo::distributed {

class Lockstep : public UnitRunner {
 public:
  /// Both must outlive it. Every rank constructs one at the same point of the run. If `stops()` is true on any rank,
  /// run() and finish() throw an Interruption on all of them, at the same agreement.
  Lockstep(ShardedParams& sharded, Communicator& everyone, std::function<bool()> stops = {});

  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override;

  /// Joins the gathers of the other ranks until all have finished.
  void finish();

 private:
  int agree(int own);

  ShardedParams& sharded_;
  Communicator& everyone_;
  std::function<bool()> stops_;
  int num_units_;
};

}  // namespace molmo::distributed
