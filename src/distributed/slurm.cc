// SPDX-License-Identifier: Apache-2.0
#include "distributed/slurm.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "molmo/error.h"

namespace molmo::distributed {
namespace {

constexpr int kMostNodes = 1 << 20;
constexpr uint32_t kFirstReservedStep = 0xfffffff0u;

[[noreturn]] void refuse(const std::string& variable, const std::string& value, const char* expected) {
  throw Error(fmt::format("[dist] {}, got '{}', expected {}", variable, value, expected));
}

// Takes a positive number off the front of `text`.
bool take_number(std::string_view& text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 1) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

}  // namespace

std::string first_host(const std::string& node_list, const std::string& variable) {
  std::string host;
  size_t at = 0;
  for (; at < node_list.size() && node_list[at] != ','; ++at) {
    if (node_list[at] != '[') {
      host += node_list[at];
      continue;
    }
    const size_t close = node_list.find(']', at), end = node_list.find_first_of("-,]", at + 1);
    if (close == std::string::npos || end == at + 1) refuse(variable, node_list, "a node list");
    host.append(node_list, at + 1, end - at - 1);
    at = close;
  }
  if (host.empty() || host.find(']') != std::string::npos) refuse(variable, node_list, "a node list");
  return host;
}

std::vector<int> tasks_by_node(const std::string& layout, const std::string& variable) {
  std::vector<int> tasks;
  std::string_view rest = layout;
  do {
    int number = 0, nodes = 1;
    const bool is_number = take_number(rest, number);
    const bool repeats = is_number && take(rest, "(x");
    const bool is_fit = is_number && (!repeats || (take_number(rest, nodes) && take(rest, ")")));
    if (!is_fit || nodes > kMostNodes) refuse(variable, layout, "tasks by node, as in 8(x2),4");
    tasks.insert(tasks.end(), static_cast<size_t>(nodes), number);
  } while (take(rest, ","));
  if (!rest.empty()) refuse(variable, layout, "tasks by node, as in 8(x2),4");
  return tasks;
}

bool is_reserved_step(const std::string& step_id) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(step_id.data(), step_id.data() + step_id.size(), number);
  return error == std::errc() && end == step_id.data() + step_id.size() && number >= kFirstReservedStep;
}

}  // namespace molmo::distributed
