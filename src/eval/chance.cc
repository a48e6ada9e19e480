// SPDX-License-Identifier: Apache-2.0
#include "eval/chance.h"

#include <map>

#include "base/random.h"

namespace molmo::eval {

std::vector<size_t> draw_others(std::span<const Task> tasks, uint32_t seed) {
  std::map<Task, std::vector<size_t>> pools;
  for (size_t i = 0; i < tasks.size(); ++i) pools[tasks[i] == Task::kAbsence ? Task::kPointing : tasks[i]].push_back(i);
  std::vector<size_t> others(tasks.size());
  RandomState random(seed);
  for (const auto& [task, pool] : pools) {
    const auto count = static_cast<int64_t>(pool.size());
    for (size_t i = 0; i < pool.size(); ++i) {
      const size_t offset = count > 1 ? static_cast<size_t>(random.randint(1, count)) : 0;  // from 1 to count - 1
      others[pool[i]] = pool[(i + offset) % pool.size()];
    }
  }
  return others;
}

}  // namespace molmo::eval
