// SPDX-License-Identifier: Apache-2.0
#include "train/evaluations.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/log.h"
#include "base/stop_signals.h"
#include "distributed/lockstep.h"
#include "molmo/error.h"
#include "tensor/ops.h"

namespace molmo::train {
namespace {

// Unit runner for a model that one process holds whole: checks for a stop signal before every unit, not once per
// answer.
class StoppableUnits : public UnitRunner {
 public:
  TensorList run(const Unit&, const TensorList& inputs, const UnitFunction& function) override {
    if (StopSignals::has_come()) throw Interruption();
    return function(inputs);
  }
};

// All-gathers the ranks' answers at the end of an evaluation, or the error of a rank that has none: then all fail
// alike.
class Exchange {
 public:
  Exchange(distributed::Communicator& everyone, distributed::Lockstep* lockstep)
      : everyone_(everyone), lockstep_(lockstep) {}

  std::vector<std::string> answers(const std::string& own) { return say(kAnswers + own); }
  /// Does not return where there are other ranks that wait for this one.
  void failure(const std::string& why) {
    if (!is_made_ && everyone_.size() > 1) say(kFailure + why);
  }

 private:
  static constexpr char kAnswers = '+', kFailure = '-';

  std::vector<std::string> say(const std::string& text) {
    is_made_ = true;
    if (lockstep_ != nullptr) lockstep_->finish();
    std::vector<std::string> said = everyone_.gather_texts(text, "an evaluation's answers");
    for (std::string& other : said) {
      if (other.starts_with(kFailure)) throw Error(other.substr(1));
      other.erase(0, 1);
    }
    return said;
  }

  distributed::Communicator& everyone_;
  distributed::Lockstep* lockstep_;
  bool is_made_ = false;
};

bool is_due(int64_t every, int64_t step, int64_t last) { return step % every == 0 || step == last; }

// What rank 0 has recorded, on every rank.
std::set<std::string> recorded(int64_t step, const Monitor* monitor, distributed::Communicator& everyone) {
  const std::string own = monitor == nullptr ? "[]" : Json(monitor->evaluations_of(step)).dump();
  return parse_json(everyone.gather_texts(own, "the evaluations that are made").front(), "evaluations")
      .get<std::set<std::string>>();
}

}  // namespace

bool Evaluations::is_any_due(int64_t step) const {
  const auto due = [&](const auto& named) { return is_due(named.second.every, step, run_.config.steps); };
  return std::ranges::any_of(run_.config.evaluations, due) || std::ranges::any_of(run_.config.loss_evaluators, due);
}

void Evaluations::make_due(int64_t step, Monitor* monitor) {
  struct Due {
    std::string key;
    std::function<void()> make;
  };
  std::vector<Due> due;
  for (const auto& [name, evaluation] : run_.config.evaluations) {
    if (is_due(evaluation.every, step, run_.config.steps))
      due.push_back({Monitor::task_key(name), [this, step, monitor, &name] { answer_tasks(step, name, monitor); }});
  }
  for (const auto& [name, evaluator] : run_.config.loss_evaluators) {
    if (is_due(evaluator.every, step, run_.config.steps))
      due.push_back({Monitor::loss_key(name), [this, step, monitor, &name] { measure_loss(step, name, monitor); }});
  }
  if (due.empty()) return;
  const std::set<std::string> made = recorded(step, monitor, run_.everyone);
  for (const Due& evaluation : due) {
    if (made.contains(evaluation.key)) continue;
    try {
      evaluation.make();
    } catch (const Error& error) {
      if (error.code() == ExitCode::kRestart) throw;
      log_warning(fmt::format("[train] step {}, {}: failed, the run goes on without it: {}", step, evaluation.key,
                              error.what()));
    }
  }
}

void Evaluations::measure_loss(int64_t step, const std::string& name, Monitor* monitor) {
  const EvaluatedLoss loss = evaluate_loss(name, run_.config, run_.tokenizer, run_.model.objective(), run_.compute,
                                           run_.model.ranks(), run_.device);
  if (monitor != nullptr) monitor->record(step, loss);
}

void Evaluations::answer_tasks(int64_t step, const std::string& name, Monitor* monitor) {
  const std::map<std::string, double> scores = scores_of(run_.config.evaluations.at(name));
  if (monitor != nullptr) monitor->record(step, name, scores);
}

// The ranks share the questions. Answers differ in length, and so does the number of passes of each rank, which is what
// Lockstep is for.
std::map<std::string, double> Evaluations::scores_of(const config::EvaluationConfig& evaluation) {
  std::optional<distributed::Lockstep> lockstep;
  StoppableUnits whole;
  if (distributed::ShardedParams* sharded = run_.model.ranks().sharded)
    lockstep.emplace(*sharded, run_.everyone, StopSignals::has_come);
  Exchange exchange(run_.everyone, lockstep ? &*lockstep : nullptr);
  const ModelInTraining model{.molmo = run_.model.molmo(),
                              .config = run_.config.molmo,
                              .tokenizer = run_.tokenizer,
                              .compute = run_.compute,
                              .rank = run_.everyone.rank(),
                              .num_ranks = run_.everyone.size(),
                              .exchange = [&](const std::string& own) { return exchange.answers(own); }};
  std::map<std::string, double> scores;
  try {
    const at::NoGradGuard no_grad;
    const ScopedUnitRunner scope(lockstep ? static_cast<UnitRunner&>(*lockstep) : whole);
    scores = run_.evaluate(model, evaluation);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kRestart) exchange.failure(error.what());
    throw;
  }
  if (lockstep && run_.everyone.size() == 1) lockstep->finish();
  return scores;
}

}  // namespace molmo::train
