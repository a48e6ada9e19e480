// SPDX-License-Identifier: Apache-2.0
#include "commands/budget_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"

namespace molmo::commands {
namespace {

using train::Budget;
using train::Effort;
using train::PartBudget;

Json effort_json(const Effort& effort) {
  return {{"launches", effort.num_launches},
          {"bytes", effort.bytes},
          {"flops", effort.flops},
          {"seconds", effort.seconds},
          {"product_seconds", effort.product_seconds},
          {"attention_seconds", effort.attention_seconds},
          {"host_waits", effort.num_host_waits}};
}

Json budget_json(const BudgetTableOptions& options, const train::BudgetOptions& asked, const Budget& budget) {
  Json parts = Json::array(), collectives = Json::object(), operators = Json::object();
  for (const auto& [name, effort] : budget.operators) operators[name] = effort_json(effort);
  for (const PartBudget& part : budget.parts) {
    parts.push_back({{"name", part.name},
                     {"count", part.count},
                     {"forward", effort_json(part.forward)},
                     {"backward", effort_json(part.backward)}});
  }
  for (const auto& [kind, sum] : budget.collectives)
    collectives[kind] = {{"count", sum.count}, {"bytes_sent", sum.bytes}, {"seconds", sum.seconds}};
  return {{"shape", options.shape},
          {"gpu", asked.machine.name},
          {"ranks", asked.num_ranks},
          {"parts", parts},
          {"step", effort_json(budget.total)},
          {"operators", operators},
          {"collectives", collectives},
          {"step_seconds", budget.times.seconds},
          {"exposed_seconds", budget.times.exposed_seconds},
          {"idle_seconds", budget.times.idle_seconds},
          {"tokens_per_s", budget.tokens_per_s},
          {"model_flops", budget.model_flops},
          {"mfu", budget.mfu},
          {"peak_bytes", budget.peak_bytes}};
}

std::string effort_row(const std::string& name, int count, const Effort& effort) {
  return fmt::format("{:52} {:>4} {:9} {:10.2f} {:10.2f} {:9.2f}\n", name, count, effort.num_launches,
                     effort.bytes / 1e9, effort.flops / 1e12, 1e3 * effort.seconds);
}

void print_parts(const Budget& budget) {
  std::cout << fmt::format("{:52} {:>4} {:>9} {:>10} {:>10} {:>9}\n", "units", "", "launches", "GB", "TFLOP", "ms");
  for (const PartBudget& part : budget.parts) {
    if (part.backward.num_launches == 0) {
      std::cout << effort_row(part.name, part.count, part.forward);
      continue;
    }
    std::cout << effort_row(part.name + ", forward", part.count, part.forward)
              << effort_row(part.name + ", backward", part.count, part.backward);
  }
}

// Of the whole step, the longest first.
void print_operators(const Budget& budget) {
  std::vector<std::pair<std::string, Effort>> sorted(budget.operators.begin(), budget.operators.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::cout << fmt::format("\n{:57} {:>9} {:>10} {:>10} {:>9} {:>6}\n", "operators of the step", "launches", "GB",
                           "TFLOP", "ms", "waits");
  for (const auto& [name, effort] : sorted)
    std::cout << fmt::format("{:57} {:9} {:10.2f} {:10.2f} {:9.2f} {:6}\n", name, effort.num_launches,
                             effort.bytes / 1e9, effort.flops / 1e12, 1e3 * effort.seconds, effort.num_host_waits);
}

void print_collectives(const Budget& budget) {
  if (budget.collectives.empty()) return;
  std::cout << fmt::format("\n{:52} {:>4} {:>9} {:>10} {:>10} {:>9}\n", "collectives", "", "", "GB sent", "", "ms");
  for (const auto& [kind, sum] : budget.collectives)
    std::cout << fmt::format("{:52} {:>4} {:9} {:10.2f} {:10} {:9.2f}\n", kind, sum.count, "", sum.bytes / 1e9, "",
                             1e3 * sum.seconds);
}

void print_prediction(const train::BudgetOptions& asked, const Budget& budget) {
  const simulate::Machine& gpu = asked.machine;
  const auto& times = budget.times;
  std::cout
      << fmt::format(
             "\nstep     {:.1f} ms: {:.1f} ms of kernels, {:.1f} ms waiting for collectives, {:.1f} ms for the host\n",
             1e3 * times.seconds, 1e3 * times.device_seconds, 1e3 * times.exposed_seconds, 1e3 * times.idle_seconds)
      << fmt::format("         {} launches, {} waits of the host\n", budget.total.num_launches,
                     budget.total.num_host_waits)
      << fmt::format("speed    {:.0f} tokens/s of a GPU, {:.1f} % MFU of {:.0f} TFLOP\n", budget.tokens_per_s,
                     100 * budget.mfu, budget.model_flops / 1e12)
      << fmt::format("memory   {} of tensors at the most, of {:.1f} GiB\n",
                     format_bytes(static_cast<double>(budget.peak_bytes)), gpu.gib)
      << fmt::format(
             "assumed  {:.0f} TFLOP/s in bfloat16, of which products reach {:.0f} % and attention {:.0f} %; "
             "{:.2f} TB/s ({:.0f} %);\n         {:.0f} GB/s by NVLink and {:.0f} GB/s of network a GPU ({:.0f} "
             "%); {:.0f} us of host time a launch, at least {:.0f} us a kernel\n",
             gpu.tflops, 100 * gpu.product_share, 100 * gpu.attention_share, gpu.tb_per_s, 100 * gpu.memory_share,
             gpu.nvlink_gb_per_s, gpu.network_gb_per_s, 100 * gpu.link_share, gpu.launch_us, gpu.kernel_us);
}

}  // namespace

void print_budget(const BudgetTableOptions& options, const train::BudgetOptions& asked) {
  const Budget budget = train::make_budget(asked);
  if (options.json) {
    std::cout << format_json_line(budget_json(options, asked, budget)) << "\n";
    return;
  }
  std::cout << fmt::format("{} decoder layers of {}, {}, {} rows of {} tokens with {} crops each; {} of {} ranks\n\n",
                           asked.step.model.decoder.num_layers, options.shape, asked.machine.name, asked.step.num_rows,
                           asked.step.num_tokens, asked.step.num_crops, 1, asked.num_ranks);
  print_parts(budget);
  if (options.by_operator) print_operators(budget);
  print_collectives(budget);
  print_prediction(asked, budget);
}

}  // namespace molmo::commands
