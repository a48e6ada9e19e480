// What Slurm packs into one variable: lists of nodes, tasks by node. No torch here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace molmo::distributed {

/// First host of a node list: "node[03-05,9]" -> "node03", "a1,b2" -> "a1", "rack[1-2]n[3-4]-ib" -> "rack1n3-ib".
/// Errors: a bracket that is not closed, no host. `variable` names the source.
std::string first_host(const std::string& node_list, const std::string& variable);

/// Tasks on each node: "8(x2),4" -> 8, 8, 4. Errors: anything else.
std::vector<int> tasks_by_node(const std::string& layout, const std::string& variable);

/// Whether a step number is one that Slurm reserves for what is not a step of tasks: the shell of `salloc`, the
/// batch script, and what prolog and cron start.
bool is_reserved_step(const std::string& step_id);

}  // namespace molmo::distributed
