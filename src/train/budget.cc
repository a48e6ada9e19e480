// SPDX-License-Identifier: Apache-2.0
#include "train/budget.h"

#include <fmt/format.h>

#include <span>

#include "simulate/communicator.h"
#include "simulate/event.h"
#include "simulate/gpu.h"
#include "tensor/host_read.h"
#include "tensor/ops.h"
#include "train/clip.h"
#include "train/unit_spans.h"

namespace molmo::train {
namespace {

const at::Device kGpu(at::kCUDA, 0);

Effort effort_of(std::span<const simulate::Event> events, const simulate::Machine& machine) {
  Effort effort;
  for (const simulate::Event& event : events) {
    const bool is_between_ranks =
        event.kind == simulate::EventKind::kCollective || event.kind == simulate::EventKind::kAgreement;
    if (event.waits && !is_between_ranks) ++effort.num_host_waits;
    if (event.num_launches == 0) continue;
    effort.num_launches += event.num_launches;
    effort.bytes += event.bytes;
    effort.flops += event.flops;
    const double seconds = seconds_of(event, machine);
    effort.seconds += seconds;
    if (event.kind == simulate::EventKind::kProduct) effort.product_seconds += seconds;
    if (event.kind == simulate::EventKind::kAttention) effort.attention_seconds += seconds;
  }
  return effort;
}

void add(Effort& sum, const Effort& effort) {
  sum.num_launches += effort.num_launches;
  sum.bytes += effort.bytes;
  sum.flops += effort.flops;
  sum.seconds += effort.seconds;
  sum.product_seconds += effort.product_seconds;
  sum.attention_seconds += effort.attention_seconds;
  sum.num_host_waits += effort.num_host_waits;
}

// Events and the marks of units between them.
struct Parts {
  std::vector<PartBudget> parts;
  std::vector<bool> is_taken;  // by event
  std::span<const simulate::Event> events;
  const simulate::Machine& machine;

  Effort take(size_t from, size_t to) {
    std::fill(is_taken.begin() + static_cast<ptrdiff_t>(from), is_taken.begin() + static_cast<ptrdiff_t>(to), true);
    return effort_of(events.subspan(from, to - from), machine);
  }

  // What no unit has taken of the events from `from` to `to`.
  Effort rest(size_t from, size_t to) const {
    Effort sum;
    for (size_t i = from; i < to; ++i) {
      if (!is_taken[i]) add(sum, effort_of(events.subspan(i, 1), machine));
    }
    return sum;
  }
};

// Without sharding and recomputation, so that a unit's events are its own.
std::vector<PartBudget> budget_of_parts(const BudgetOptions& options) {
  TrainBenchOptions plain = options.step;
  plain.recompute = {};
  plain.sharding = {};
  const auto alone = simulate::make_communicator(1);
  BenchRun bench(plain, kGpu, *alone);
  const MicroBatch batch = random_batch(plain, plain.num_tokens, kGpu);
  bench.run(batch);  // makes the moments
  const simulate::Recording recording;
  UnitSpans spans([&] { return recording.size(); });
  size_t end_of_passes = 0;
  {
    const ScopedUnitRunner scope(spans);
    accumulate(bench.model.objective(), std::span(&batch, 1), bench.step.forward, bench.step.ranks);
    end_of_passes = recording.size();
  }
  const std::vector<UnitSpan> units = spans.finish();
  AdamW& optimizer = bench.model.optimizer();
  const std::vector<double> squares = tensor::read_values({squared_norms(optimizer.groups())});
  clip_gradients(optimizer.groups(), {squares[0], squares[1], squares[2]}, optimizer.config(), 1);
  optimizer.update(1, 1000);
  const std::vector<simulate::Event> events = recording.events();
  Parts parts{.parts = {}, .is_taken = std::vector<bool>(events.size()), .events = events, .machine = options.machine};
  for (const UnitSpan& unit : units) {
    PartBudget part{.name = unit.name, .count = unit.count};
    for (const auto& [from, to] : unit.forward) add(part.forward, parts.take(from, to));
    for (const auto& [from, to] : unit.backward) add(part.backward, parts.take(from, to));
    parts.parts.push_back(std::move(part));
  }
  parts.parts.push_back({.name = "between units", .count = 1, .forward = parts.rest(0, end_of_passes)});
  parts.parts.push_back(
      {.name = "clipping and AdamW", .count = 1, .forward = parts.rest(end_of_passes, events.size())});
  return parts.parts;
}

void add_collective(Budget& budget, const simulate::Event& event, const simulate::Machine& machine) {
  const std::string kind =
      event.kind == simulate::EventKind::kAgreement
          ? fmt::format("agreement of {} hosts", event.group_size)
          : fmt::format("{} over {} ranks", event.name.substr(0, event.name.find(" of ")), event.group_size);
  CollectiveBudget& sum = budget.collectives[kind];
  ++sum.count;
  sum.bytes += event.bytes;
  sum.seconds += seconds_of(event, machine);
}

}  // namespace

Budget make_budget(const BudgetOptions& options) {
  simulate::install();
  Budget budget{.parts = budget_of_parts(options)};
  const auto everyone = simulate::make_communicator(options.num_ranks);
  TrainBenchOptions step = options.step;
  if (!step.sharding.defer_reduction) step.sharding.defer_reduction = false;  // a step of one micro-batch
  BenchRun bench(step, kGpu, *everyone);
  const MicroBatch batch = random_batch(step, step.num_tokens, kGpu);
  bench.run(batch);  // learns the order of units
  simulate::reset_peak();
  const simulate::Recording recording;
  bench.run(batch);
  budget.peak_bytes = simulate::peak_bytes();
  const std::vector<simulate::Event> events = recording.events();
  budget.total = effort_of(events, options.machine);
  budget.times = simulate::run_timeline(events, options.machine);
  for (const simulate::Event& event : events) {
    if (event.kind == simulate::EventKind::kCollective || event.kind == simulate::EventKind::kAgreement)
      add_collective(budget, event, options.machine);
    const bool is_agreement = event.kind == simulate::EventKind::kAgreement;
    if (event.num_launches > 0 || (event.waits && !is_agreement))
      add(budget.operators[event.name], effort_of(std::span(&event, 1), options.machine));
  }
  const model::PassWork work = work_of(batch, step);
  budget.model_flops = 3.0 * model::forward_flops(step.model, work);
  budget.tokens_per_s = static_cast<double>(work.num_tokens) / budget.times.seconds;
  budget.mfu = budget.model_flops / budget.times.seconds / (options.machine.tflops * 1e12);
  return budget;
}

}  // namespace molmo::train
