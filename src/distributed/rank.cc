// SPDX-License-Identifier: Apache-2.0
#include "distributed/rank.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>

#include "base/listener.h"
#include "distributed/slurm.h"
#include "molmo/error.h"

namespace molmo::distributed {
namespace {

constexpr int kMostRanks = 1 << 20, kMostPort = 65535;
constexpr int kFirstPort = 20000, kNumPorts = 10000;  // of Slurm steps: below what systems hand out by themselves
constexpr int kPortsBetweenSteps = 101;

/// How one starter names its variables. Of several names the first that is set counts; null: no such variable.
struct Starter {
  const char* name;
  const char* index;
  const char* counts[3];
  const char* local_indexes[2];
  const char* local_counts[2];
};

constexpr Starter kTorchrun{"torchrun", "RANK", {"WORLD_SIZE"}, {"LOCAL_RANK"}, {"LOCAL_WORLD_SIZE"}};
constexpr Starter kOpenMpi{"Open MPI",
                           "OMPI_COMM_WORLD_RANK",
                           {"OMPI_COMM_WORLD_SIZE"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE"}};
constexpr Starter kPmi{
    "PMI", "PMI_RANK", {"PMI_SIZE"}, {"MPI_LOCALRANKID", "PMI_LOCAL_RANK"}, {"MPI_LOCALNRANKS", "PMI_LOCAL_SIZE"}};
constexpr Starter kSlurm{
    "Slurm", "SLURM_PROCID", {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS"}, {"SLURM_LOCALID"}, {}};

class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  bool has(const char* name) const { return name != nullptr && environment_(name).has_value(); }
  std::string text(const char* name, const std::string& otherwise = "") const {
    return environment_(name).value_or(otherwise);
  }

  // The first name that is set; if none is, the first.
  template <size_t n>
  const char* first_set(const char* const (&names)[n]) const {
    const auto found = std::find_if(std::begin(names), std::end(names), [&](const char* name) { return has(name); });
    return found == std::end(names) ? names[0] : *found;
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

// A lone `molmo` in a Slurm allocation (no srun) is a run of its own, whatever the allocation's number of tasks.
bool is_slurm_step(const Reader& read) {
  return read.has("SLURM_STEP_ID") && !is_reserved_step(read.text("SLURM_STEP_ID"));
}

// srun sets PMI variables too, with the same values. Under mpirun in a Slurm job the SLURM_* variables describe the
// step of mpirun's daemons, not the ranks.
bool is_pmi_of_slurm(const Reader& read) {
  return is_slurm_step(read) && read.text("PMI_RANK") == read.text(kSlurm.index) &&
         read.text("PMI_SIZE") == read.text(read.first_set(kSlurm.counts));
}

// Null for a run of one process.
const Starter* find_starter(const Reader& read) {
  for (const char* name : {kTorchrun.index, kTorchrun.counts[0], kTorchrun.local_indexes[0]}) {
    if (read.has(name)) return &kTorchrun;
  }
  for (const char* name : {kOpenMpi.index, kOpenMpi.counts[0], kOpenMpi.local_indexes[0]}) {
    if (read.has(name)) return &kOpenMpi;
  }
  if ((read.has(kPmi.index) || read.has(kPmi.counts[0])) && !is_pmi_of_slurm(read)) return &kPmi;
  if (is_slurm_step(read)) return &kSlurm;
  if (read.has("SLURM_STEP_ID") || !read.has("PMIX_RANK")) return nullptr;
  throw Error(
      fmt::format("[dist] PMIX_RANK, got '{}' and no number of ranks, expected RANK and WORLD_SIZE beside it, or "
                  "none of them for a run of one process",
                  read.text("PMIX_RANK")));
}

// "[::1]" -> "::1". Names and addresses stay as they are.
std::string host_of(const std::string& address) {
  const bool has_brackets = address.size() > 2 && address.front() == '[' && address.back() == ']';
  const std::string host = has_brackets ? address.substr(1, address.size() - 2) : address;
  const bool is_odd = host.empty() || host.find_first_of(" \t\r\n/[]") != std::string::npos;
  if (is_odd || (!has_brackets && std::count(host.begin(), host.end(), ':') == 1)) {
    throw Error(fmt::format(
        "[dist] MASTER_ADDR, got '{}', expected the name or the address of a machine (its port is MASTER_PORT)",
        address));
  }
  return host;
}

bool is_loopback_name(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// How many tasks of the step are on this node. The job's own layout is not that of a smaller step.
int slurm_local_count(const Rank& rank, const Reader& read) {
  for (const char* name : {"SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"}) {
    if (!read.has(name)) continue;
    const std::vector<int> tasks = tasks_by_node(read.text(name), name);
    const auto node = static_cast<size_t>(read.number("SLURM_NODEID", 0, kMostRanks, 0));
    if (std::accumulate(tasks.begin(), tasks.end(), int64_t{0}) == rank.count && node < tasks.size())
      return tasks[node];
  }
  const int nodes = read.number("SLURM_STEP_NUM_NODES", 1, kMostRanks, read.number("SLURM_NNODES", 1, kMostRanks, 1));
  const int even = (rank.count + nodes - 1) / nodes;
  return std::min(read.number("SLURM_NTASKS_PER_NODE", 1, kMostRanks, even), rank.count);
}

// The index among the ranks of its machine. A starter that says nothing of machines may have used several.
void find_machine(Rank& rank, const Starter& starter, const Reader& read) {
  if (&starter == &kSlurm) {
    rank.local_index = read.number("SLURM_LOCALID", 0, rank.count - 1, rank.index);
    rank.local_count = std::max(slurm_local_count(rank, read), rank.local_index + 1);
    rank.is_local = rank.local_count == rank.count;
    return;
  }
  const char* local_count = read.first_set(starter.local_counts);
  rank.local_count = read.number(local_count, 1, rank.count, rank.count);
  rank.local_index = read.number(read.first_set(starter.local_indexes), 0, rank.local_count - 1,
                                 read.has(local_count) ? rank.index % rank.local_count : rank.index);
  const bool is_said = read.has(local_count) || !read.has("MASTER_ADDR");
  rank.is_local = (is_said && rank.local_count == rank.count) ||
                  (read.has("MASTER_ADDR") && is_loopback_name(host_of(read.text("MASTER_ADDR"))));
}

std::string slurm_first_host(const Reader& read) {
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"}) {
    if (read.has(name)) return first_host(read.text(name), name);
  }
  throw Error("[dist] SLURM_STEP_NODELIST, got nothing, expected the nodes of the step (or MASTER_ADDR)");
}

void find_first_rank(Rank& rank, const Starter& starter, const Reader& read) {
  const bool by_slurm = &starter == &kSlurm;
  if (read.has("MASTER_ADDR")) {
    rank.address = host_of(read.text("MASTER_ADDR"));
  } else if (!rank.is_local && by_slurm) {
    rank.address = slurm_first_host(read);
  } else if (!rank.is_local) {
    throw Error(
        fmt::format("[dist] MASTER_ADDR, got nothing, expected the machine of rank 0 ({} starts {} ranks on "
                    "several machines)",
                    starter.name, rank.count));
  }
  if (read.has("MASTER_PORT") || !by_slurm) {
    rank.port = read.number("MASTER_PORT", 1, kMostPort);
    return;
  }
  const int64_t job = read.number("SLURM_JOB_ID", 0, 2'000'000'000, 0);
  const int64_t step = read.number("SLURM_STEP_ID", 0, 2'000'000'000);
  rank.port = kFirstPort + static_cast<int>((job + kPortsBetweenSteps * step) % kNumPorts);
}

}  // namespace

Rank read_rank(const Environment& environment) {
  const Reader read(environment);
  const Starter* starter = find_starter(read);
  if (starter == nullptr) return {};
  Rank rank;
  rank.count = read.number(read.first_set(starter->counts), 1, kMostRanks);
  rank.index = read.number(starter->index, 0, rank.count - 1);
  if (rank.count == 1) return rank;
  find_machine(rank, *starter, read);
  find_first_rank(rank, *starter, read);
  if (read.text("TORCHELASTIC_USE_AGENT_STORE") == "True")
    rank.agents_attempt = read.text("TORCHELASTIC_RESTART_COUNT", "0");
  if (rank.index == 0 && starter == &kTorchrun && read.has(kListenerVariable))
    rank.listener = read.number(kListenerVariable, 3, kMostRanks);
  // srun binds a task to its CPUs where it knows how many it wants.
  if (starter == &kSlurm) rank.threads = read.number("SLURM_CPUS_PER_TASK", 1, kMostRanks, 0);
  return rank;
}

Rank read_rank() {
  return read_rank([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace molmo::distributed
