// SPDX-License-Identifier: Apache-2.0
#include "dist/rank.h"

#include <gtest/gtest.h>

#include <map>

#include "support/error_of.h"

namespace molmo::dist {
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
            (Rank{9, 16, 1, 8, "head", 2950}));
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

TEST(Rank, DerivesTheFirstRankOfASlurmStep) {
  Variables step{{"SLURM_PROCID", "3"},
                 {"SLURM_NTASKS", "4"},
                 {"SLURM_LOCALID", "1"},
                 {"SLURM_STEP_ID", "0"},
                 {"SLURM_NTASKS_PER_NODE", "2"},
                 {"SLURM_JOB_ID", "777"},
                 {"SLURM_STEP_NODELIST", "gpu[07-09,12]"}};
  EXPECT_EQ(rank_of(step), (Rank{3, 4, 1, 2, "gpu07", 20777}));
  step.erase("SLURM_STEP_ID");  // a shell in an allocation, no srun
  EXPECT_EQ(rank_of(step), Rank());
}

TEST(Rank, ReadsMpi) {
  EXPECT_EQ(rank_of({{"OMPI_COMM_WORLD_RANK", "1"},
                     {"OMPI_COMM_WORLD_SIZE", "2"},
                     {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                     {"MASTER_PORT", "4000"}}),
            (Rank{1, 2, 1, 2, "127.0.0.1", 4000}));
  EXPECT_EQ(rank_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}}), Rank());
}

TEST(Rank, NamesTheVariableThatIsWrong) {
  const auto error = [](const Variables& variables) { return testing::error_of([&] { rank_of(variables); }); };
  EXPECT_EQ(error({{"RANK", "0"}}), "[dist] WORLD_SIZE, got nothing, expected a number from 1 to 1048576");
  EXPECT_EQ(error({{"RANK", "4"}, {"WORLD_SIZE", "4"}}), "[dist] RANK, got '4', expected a number from 0 to 3");
  EXPECT_EQ(error({{"RANK", "one"}, {"WORLD_SIZE", "4"}}), "[dist] RANK, got 'one', expected a number from 0 to 3");
  EXPECT_EQ(error({{"RANK", "1"}, {"WORLD_SIZE", "4"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "2"}}),
            "[dist] MASTER_ADDR, got nothing, expected the machine of rank 0 (torchrun starts 4 ranks on several "
            "machines)");
  EXPECT_EQ(error({{"RANK", "1"}, {"WORLD_SIZE", "2"}}),
            "[dist] MASTER_PORT, got nothing, expected a number from 1 to 65535");
}

TEST(Rank, FindsTheFirstHost) {
  EXPECT_EQ(first_host("node"), "node");
  EXPECT_EQ(first_host("a1,b2"), "a1");
  EXPECT_EQ(first_host("node[03-05,9]"), "node03");
  EXPECT_EQ(first_host("node[7]"), "node7");
  EXPECT_EQ(first_host("rack2-n[11,14]"), "rack2-n11");
}

}  // namespace
}  // namespace molmo::dist
