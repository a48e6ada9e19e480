// Lets the ranks of a sharded model compute each at its own pace, without gradients: answers end at different lengths,
// while a unit's weights come only when all ranks gather it. Before a unit runs, the ranks agree on the one that is
// gathered next, the first in the model's order that anyone asks for; whoever asked for it runs it. Ranks that lag
// catch up by that, and run together from there on.
//
//   distributed::Lockstep lockstep(sharded, everyone);
//   { const ScopedUnitRunner scope(lockstep);  answer(questions); }
//   lockstep.finish();                                  // and until then serves the others
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "distributed/sharded_params.h"

namespace molmo::distributed {

class Lockstep : public UnitRunner {
 public:
  /// Both outlive it. Every rank makes one at the same point. Where `stops()` is true on one rank, run() and finish()
  /// throw an Interruption on all, at the same agreement.
  Lockstep(ShardedParams& sharded, Communicator& everyone, std::function<bool()> stops = {});

  TensorList run(const Unit& unit, const TensorList& inputs, const UnitFunction& function) override;

  /// Takes part in the others' units until all have finished.
  void finish();

 private:
  int agree(int own);

  ShardedParams& sharded_;
  Communicator& everyone_;
  std::function<bool()> stops_;
  int num_units_;
};

}  // namespace molmo::distributed
