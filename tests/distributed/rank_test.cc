// SPDX-License-Identifier: Apache-2.0
#include "distributed/rank.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "base/listener.h"
#include "support/error_of.h"

namespace molmo::distributed {
namespace {

using Variables = std::map<std::string, std::string>;

Rank rank_of(const Variables& variables) {
  return read_rank([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

TEST(Rank, IsAloneWithoutVariables) { EXPECT_EQ(rank_of({}), Rank()); }

TEST(Rank, ReadsTorchrun) {
  EXPECT_EQ(rank_of({{"RANK", "9"},
                     {"WORLD_SIZE", "16"},
                     {"LOCAL_RANK", "1"},
                     {"LOCAL_WORLD_SIZE", "8"},
                     {"MASTER_ADDR", "head"},
                     {"MASTER_PORT", "2950"}}),
            (Rank{9, 16, 1, 8, "head", 2950, /*is_local=*/false}));
}

// torchrun sets all four; who sets two starts all ranks on one machine, or says that it is another one.
TEST(Rank, TakesRanksWithoutAMachineForLocalOnes) {
  Variables pair{{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "2950"}};
  EXPECT_EQ(rank_of(pair), (Rank{1, 2, 1, 2, "127.0.0.1", 2950, /*is_local=*/true}));
  pair["MASTER_ADDR"] = "head";
  EXPECT_EQ(rank_of(pair), (Rank{1, 2, 1, 2, "head", 2950, /*is_local=*/false}));
  pair["MASTER_ADDR"] = "127.0.0.3";
  EXPECT_TRUE(rank_of(pair).is_local);
}

TEST(Rank, ReadsAddressesOfVersionSix) {
  Variables pair{{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "2950"}, {"MASTER_ADDR", "[::1]"}};
  EXPECT_EQ(rank_of(pair).address, "::1");
  EXPECT_TRUE(rank_of(pair).is_local);
  pair["MASTER_ADDR"] = "fe80::2%eth0";
  EXPECT_EQ(rank_of(pair).address, "fe80::2%eth0");
  for (const char* odd : {"", "[::1]:2950", "head:2950", "tcp://head", "head one", "[::1"}) {
    pair["MASTER_ADDR"] = odd;
    EXPECT_EQ(testing::error_of([&] { rank_of(pair); }),
              fmt::format("[dist] MASTER_ADDR, got '{}', expected the name or the address of a machine (its port is "
                          "MASTER_PORT)",
                          odd));
  }
}

TEST(Rank, TakesTheListenerOfTheLauncher) {
  Variables launched{{"RANK", "0"},        {"WORLD_SIZE", "2"},          {"LOCAL_RANK", "0"},
                     {"MASTER_PORT", "9"}, {"MASTER_ADDR", "127.0.0.1"}, {kListenerVariable, "7"}};
  EXPECT_EQ(rank_of(launched).listener, 7);
  launched["RANK"] = "1";
  EXPECT_EQ(rank_of(launched).listener, std::nullopt);
}

TEST(Rank, JoinsTheStoreOfTorchrunsAgent) {
  Variables torchrun{{"RANK", "0"},
                     {"WORLD_SIZE", "2"},
                     {"LOCAL_RANK", "0"},
                     {"LOCAL_WORLD_SIZE", "2"},
                     {"MASTER_ADDR", "me"},
                     {"MASTER_PORT", "2950"},
                     {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                     {"TORCHELASTIC_RESTART_COUNT", "3"}};
  EXPECT_EQ(rank_of(torchrun).agents_attempt, "3");
  torchrun["TORCHELASTIC_USE_AGENT_STORE"] = "False";
  EXPECT_EQ(rank_of(torchrun).agents_attempt, std::nullopt);
}

TEST(Rank, TakesTheThreadsThatSlurmGivesATask) {
  Variables step{{"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "2"}, {"SLURM_STEP_ID", "0"}, {"SLURM_JOB_ID", "1"}};
  EXPECT_EQ(rank_of(step).threads, 0);
  step["SLURM_CPUS_PER_TASK"] = "12";
  EXPECT_EQ(rank_of(step).threads, 12);
}

Variables slurm_step() {
  return {{"SLURM_PROCID", "3"},
          {"SLURM_NTASKS", "4"},
          {"SLURM_STEP_NUM_TASKS", "4"},
          {"SLURM_LOCALID", "1"},
          {"SLURM_NODEID", "1"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_STEP_TASKS_PER_NODE", "2(x2)"},
          {"SLURM_JOB_ID", "777"},
          {"SLURM_STEP_NODELIST", "gpu[07-09,12]"}};
}

TEST(Rank, DerivesTheFirstRankOfASlurmStep) {
  Variables step = slurm_step();
  EXPECT_EQ(rank_of(step), (Rank{3, 4, 1, 2, "gpu07", 20777, /*is_local=*/false}));
  step["SLURM_STEP_ID"] = "2";  // beside another step of the job
  EXPECT_EQ(rank_of(step).port, 20979);
  step["SLURM_STEP_TASKS_PER_NODE"] = "4", step["SLURM_NODEID"] = "0", step["SLURM_LOCALID"] = "3";
  EXPECT_EQ(rank_of(step), (Rank{3, 4, 3, 4, "127.0.0.1", 20979, /*is_local=*/true}));
}

TEST(Rank, CountsTheTasksOfItsNode) {
  Variables step = slurm_step();
  step["SLURM_STEP_NUM_TASKS"] = step["SLURM_NTASKS"] = "20";
  step["SLURM_STEP_TASKS_PER_NODE"] = "8(x2),4";
  step["SLURM_NODEID"] = "2";
  EXPECT_EQ(rank_of(step).local_count, 4);
  // Without the step's own layout: a job's that is another one says nothing.
  step.erase("SLURM_STEP_TASKS_PER_NODE");
  step["SLURM_TASKS_PER_NODE"] = "64(x3)", step["SLURM_NNODES"] = "3";
  EXPECT_EQ(rank_of(step).local_count, 7);
  step["SLURM_NTASKS_PER_NODE"] = "8";
  EXPECT_EQ(rank_of(step).local_count, 8);
}

// A step of one task in an allocation of many, the shell of salloc, and a batch script.
TEST(Rank, IsAloneInAShellOfSlurm) {
  Variables step = slurm_step();
  step["SLURM_PROCID"] = "0", step["SLURM_STEP_NUM_TASKS"] = "1";
  EXPECT_EQ(rank_of(step), Rank());
  step = slurm_step();
  for (const char* reserved : {"4294967290", "4294967291", "4294967292"}) {
    step["SLURM_STEP_ID"] = reserved;
    EXPECT_EQ(rank_of(step), Rank());
  }
  step.erase("SLURM_STEP_ID");
  EXPECT_EQ(rank_of(step), Rank());
}

TEST(Rank, ReadsMpi) {
  const Variables open_mpi{{"OMPI_COMM_WORLD_RANK", "1"},
                           {"OMPI_COMM_WORLD_SIZE", "2"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                           {"MASTER_PORT", "4000"}};
  EXPECT_EQ(rank_of(open_mpi), (Rank{1, 2, 1, 2, "127.0.0.1", 4000}));
  EXPECT_EQ(rank_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}}), Rank());
  Variables in_slurm = slurm_step();  // of mpirun's daemons, one per node
  in_slurm.insert(open_mpi.begin(), open_mpi.end());
  EXPECT_EQ(rank_of(in_slurm), rank_of(open_mpi));
}

TEST(Rank, PrefersSlurmWhereItsPmiSaysTheSame) {
  Variables step = slurm_step();
  step["PMI_RANK"] = "3", step["PMI_SIZE"] = "4";
  EXPECT_EQ(rank_of(step), rank_of(slurm_step()));
  step["PMI_SIZE"] = "16", step["MASTER_PORT"] = "4000", step["MASTER_ADDR"] = "head";  // of mpiexec in the step
  EXPECT_EQ(rank_of(step).count, 16);
}

TEST(Rank, NamesTheVariableThatIsWrong) {
  const auto error = [](const Variables& variables) { return testing::error_of([&] { rank_of(variables); }); };
  const std::string no_count = ", got nothing, expected a number from 1 to 1048576";
  EXPECT_EQ(error({{"RANK", "0"}}), "[dist] WORLD_SIZE" + no_count);
  EXPECT_EQ(error({{"LOCAL_RANK", "0"}}), "[dist] WORLD_SIZE" + no_count);
  EXPECT_EQ(error({{"WORLD_SIZE", "2"}}), "[dist] RANK, got nothing, expected a number from 0 to 1");
  EXPECT_EQ(error({{"RANK", "4"}, {"WORLD_SIZE", "4"}}), "[dist] RANK, got '4', expected a number from 0 to 3");
  EXPECT_EQ(error({{"RANK", "one"}, {"WORLD_SIZE", "4"}}), "[dist] RANK, got 'one', expected a number from 0 to 3");
  EXPECT_EQ(error({{"RANK", "1"}, {"WORLD_SIZE", "4"}, {"LOCAL_RANK", "2"}, {"LOCAL_WORLD_SIZE", "2"}}),
            "[dist] LOCAL_RANK, got '2', expected a number from 0 to 1");
  EXPECT_EQ(error({{"RANK", "1"}, {"WORLD_SIZE", "4"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "2"}}),
            "[dist] MASTER_ADDR, got nothing, expected the machine of rank 0 (torchrun starts 4 ranks on several "
            "machines)");
  EXPECT_EQ(error({{"RANK", "1"}, {"WORLD_SIZE", "2"}}),
            "[dist] MASTER_PORT, got nothing, expected a number from 1 to 65535");
  EXPECT_EQ(error({{"OMPI_COMM_WORLD_RANK", "0"}}), "[dist] OMPI_COMM_WORLD_SIZE" + no_count);
  EXPECT_EQ(error({{"PMI_SIZE", "2"}}), "[dist] PMI_RANK, got nothing, expected a number from 0 to 1");
  EXPECT_EQ(error({{"PMIX_RANK", "3"}}),
            "[dist] PMIX_RANK, got '3' and no number of ranks, expected RANK and WORLD_SIZE beside it, or none of them "
            "for a run of one process");
  Variables step = slurm_step();
  step.erase("SLURM_PROCID");
  EXPECT_EQ(error(step), "[dist] SLURM_PROCID, got nothing, expected a number from 0 to 3");
  step = slurm_step();
  step["SLURM_STEP_TASKS_PER_NODE"] = "two";
  EXPECT_EQ(error(step), "[dist] SLURM_STEP_TASKS_PER_NODE, got 'two', expected tasks by node, as in 8(x2),4");
}

}  // namespace
}  // namespace molmo::distributed
