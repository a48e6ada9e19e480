// SPDX-License-Identifier: Apache-2.0
#include "data/problem_list.h"

#include <fmt/format.h>

#include "molmo/error.h"

namespace molmo::data {
namespace {

constexpr size_t kMostShown = 20;

}  // namespace

void ProblemList::add(size_t line, const std::string& key, const std::string& problem) {
  if (++num_problems_ > kMostShown) return;
  shown_.push_back(fmt::format("line {}{}{}: {}", line, key.empty() ? "" : ", ", key, problem));
}

void ProblemList::throw_if_any(const std::string& file) const {
  if (empty()) return;
  std::string message = fmt::format("[data] {}: {} problem{}", file, num_problems_, num_problems_ == 1 ? "" : "s");
  for (const std::string& problem : shown_) message += "\n  " + problem;
  if (num_problems_ > kMostShown) message += fmt::format("\n  ... and {} more", num_problems_ - kMostShown);
  throw Error(message);
}

}  // namespace molmo::data
