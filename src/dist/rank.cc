// SPDX-License-Identifier: Apache-2.0
#include "dist/rank.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdlib>

#include "molmo/error.h"

namespace molmo::dist {
namespace {

constexpr int kMostRanks = 1 << 20, kMostPort = 65535;
constexpr int kFirstPort = 20000, kNumPorts = 10000;  // of Slurm jobs: below what systems hand out by themselves

/// How one starter names its variables.
struct Starter {
  const char* name;
  const char *index, *count, *local_index, *local_count;
};

constexpr std::array kStarters = {
    Starter{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    Starter{"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE"},
    Starter{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
            "OMPI_COMM_WORLD_LOCAL_SIZE"},
    Starter{"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"}};

class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  bool has(const char* name) const { return environment_(name).has_value(); }
  std::string text(const char* name, const std::string& otherwise) const {
    return environment_(name).value_or(otherwise);
  }

  int number(const char* name, int least, int most) const {
    const std::optional<std::string> value = environment_(name);
    if (!value) throw Error(fmt::format("[dist] {}, got nothing, expected a number from {} to {}", name, least, most));
    int result = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), result);
    if (error != std::errc() || end != value->data() + value->size() || result < least || result > most)
      throw Error(fmt::format("[dist] {}, got '{}', expected a number from {} to {}", name, *value, least, most));
    return result;
  }
  int number(const char* name, int least, int most, int otherwise) const {
    return has(name) ? number(name, least, most) : otherwise;
  }

 private:
  const Environment& environment_;
};

bool is_slurm(const Starter& starter) { return starter.index == std::string_view("SLURM_PROCID"); }

// A lone `molmo` in a Slurm allocation (no srun) is a run of its own, whatever the allocation's number of tasks.
bool is_started_by(const Starter& starter, const Reader& read) {
  if (is_slurm(starter)) return read.has("SLURM_PROCID") && read.has("SLURM_STEP_ID");
  return read.has(starter.index) || (starter.index == std::string_view("RANK") && read.has("WORLD_SIZE"));
}

void find_first_rank(Rank& rank, const Starter& starter, const Reader& read) {
  const bool by_slurm = is_slurm(starter);
  std::string address = "127.0.0.1";
  if (by_slurm) address = first_host(read.text("SLURM_STEP_NODELIST", read.text("SLURM_JOB_NODELIST", address)));
  rank.address = read.text("MASTER_ADDR", address);
  if (!read.has("MASTER_ADDR") && !by_slurm && rank.local_count < rank.count) {
    throw Error(
        fmt::format("[dist] MASTER_ADDR, got nothing, expected the machine of rank 0 ({} starts {} ranks on "
                    "several machines)",
                    starter.name, rank.count));
  }
  if (read.has("MASTER_PORT") || !by_slurm) {
    rank.port = read.number("MASTER_PORT", 1, kMostPort);
  } else {
    rank.port = kFirstPort + read.number("SLURM_JOB_ID", 0, 2'000'000'000, 0) % kNumPorts;
  }
}

}  // namespace

std::string first_host(const std::string& node_list) {
  const size_t end = node_list.find_first_of("[,");
  const std::string head = node_list.substr(0, end);
  if (end == std::string::npos || node_list[end] == ',') return head;
  const size_t first = end + 1, stop = node_list.find_first_of("-,]", first);
  return head + node_list.substr(first, stop == std::string::npos ? stop : stop - first);
}

Rank read_rank(const Environment& environment) {
  const Reader read(environment);
  for (const Starter& starter : kStarters) {
    if (!is_started_by(starter, read)) continue;
    Rank rank;
    rank.count = read.number(starter.count, 1, kMostRanks);
    rank.index = read.number(starter.index, 0, rank.count - 1);
    if (rank.count == 1) return rank;
    rank.local_index = read.number(starter.local_index, 0, rank.count - 1, rank.index);
    rank.local_count = read.number(starter.local_count, 1, rank.count, rank.count);
    find_first_rank(rank, starter, read);
    if (read.text("TORCHELASTIC_USE_AGENT_STORE", "") == "True")
      rank.agents_attempt = read.text("TORCHELASTIC_RESTART_COUNT", "0");
    // srun binds a task to its CPUs where it knows how many it wants.
    if (is_slurm(starter)) rank.threads = read.number("SLURM_CPUS_PER_TASK", 1, kMostRanks, 0);
    return rank;
  }
  return {};
}

Rank read_rank() {
  return read_rank([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace molmo::dist
