// What ranks say to each other before they can talk: threads that are ranks, and differ.
// SPDX-License-Identifier: Apache-2.0
#include "distributed/rendezvous.h"

#include <gtest/gtest.h>

#include <latch>
#include <set>
#include <thread>

#include "base/listener.h"
#include "molmo/error.h"
#include "support/error_of.h"

namespace molmo::distributed {
namespace {

using std::chrono::seconds;

int free_port() { return listen_on_loopback().port(); }

Rank pair_rank(int index, int port) {
  return {.index = index, .count = 2, .local_index = index, .local_count = 2, .address = "127.0.0.1", .port = port};
}

// What the ranks throw, each on a thread of its own: "code: text", or "met".
std::vector<std::string> meet(const std::vector<Rank>& ranks, const std::vector<Facts>& facts,
                              seconds start = seconds(20)) {
  std::vector<std::string> ends(ranks.size());
  std::latch have_ended(std::ssize(ranks));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < ranks.size(); ++i) {
    threads.emplace_back([&, i] {
      std::unique_ptr<Communicator> everyone;
      try {
        everyone = connect(ranks[i], {.start = start, .step = start}, facts[i]);
        ends[i] = "met";
      } catch (const Error& error) {
        ends[i] = std::to_string(static_cast<int>(error.code())) + ": " + error.what();
      }
      have_ended.arrive_and_wait();  // rank 0 keeps the store, which one that comes late must find
    });
  }
  for (std::thread& thread : threads) thread.join();
  return ends;
}

TEST(Rendezvous, RefusesRanksThatDiffer) {
  const int port = free_port();
  std::vector<Rank> ranks;
  for (int i = 0; i < 3; ++i) ranks.push_back({.index = i, .count = 3, .address = "127.0.0.1", .port = port});
  const std::vector<std::string> ends = meet(ranks, {{{"seed", "1"}}, {{"seed", "1"}}, {{"seed", "2"}}});
  for (const std::string& end : ends)
    EXPECT_EQ(end, "2: [dist] the ranks differ in seed, got 2 on rank 2, expected 1 as on rank 0");
}

TEST(Rendezvous, RefusesOtherNumbersOfRanks) {
  for (const int first : {2, 3}) {
    const int port = free_port();
    std::vector<Rank> ranks{pair_rank(0, port), pair_rank(1, port)};
    ranks[0].count = first, ranks[1].count = 5 - first;
    for (const std::string& end : meet(ranks, {{}, {}}))
      EXPECT_EQ(end, "2: [dist] the ranks differ in the number of ranks, got " + std::to_string(5 - first) +
                         " on rank 1, expected " + std::to_string(first) + " as on rank 0");
  }
}

TEST(Rendezvous, SaysToAllWhoHasNotCome) {
  const int port = free_port();
  std::vector<Rank> ranks{pair_rank(0, port), pair_rank(1, port)};
  ranks[0].count = ranks[1].count = 3;
  for (const std::string& end : meet(ranks, {{}, {}}, seconds(2))) {
    EXPECT_EQ(end, "75: [dist] rank 0 of 3 at 127.0.0.1:" + std::to_string(port) +
                       ": rank 2 has not come (its own log may say why); expected all ranks within 2 s");
  }
}

// One of them finds its recipe wrong before it meets the others: they need not wait for it.
TEST(Rendezvous, HearsOfARankThatDoesNotCome) {
  for (const size_t absent : {0u, 1u, 2u}) {
    const int port = free_port();
    std::vector<Rank> ranks;
    for (int i = 0; i < 3; ++i) ranks.push_back({.index = i, .count = 3, .address = "127.0.0.1", .port = port});
    const auto start = std::chrono::steady_clock::now();
    std::string thrown;
    std::thread failing([&] {
      thrown =
          testing::error_of([&] { before_meeting(ranks[absent], [] { throw Error("[config] no such recipe"); }); });
    });
    std::vector<Rank> others = ranks;
    others.erase(others.begin() + static_cast<ptrdiff_t>(absent));
    for (const std::string& end : meet(others, {{}, {}}))
      EXPECT_EQ(end, "2: [dist] rank " + std::to_string(absent) +
                         " of 3 has failed before it met the others: [config] no such recipe");
    failing.join();
    EXPECT_EQ(thrown, "[config] no such recipe");
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  }
}

TEST(Rendezvous, RefusesARankThatComesTwice) {
  const int port = free_port();
  const std::vector<std::string> ends =
      meet({pair_rank(0, port), pair_rank(1, port), pair_rank(1, port)}, {{}, {}, {}}, seconds(5));
  EXPECT_EQ(ends[0], "met");
  const std::string twice = "2: [dist] rank 1 of 2, got two processes of this number, expected one (RANK)";
  EXPECT_EQ((std::set<std::string>{ends[1], ends[2]}), (std::set<std::string>{"met", twice}));
}

TEST(Rendezvous, NamesAPortThatIsTaken) {
  const Listener other = listen_on_loopback();
  const std::string port = std::to_string(other.port());
  EXPECT_EQ(meet({pair_rank(0, other.port())}, {{}}, seconds(1)),
            std::vector<std::string>{"2: [dist] rank 0 cannot listen at 127.0.0.1, port " + port +
                                     ": Address already in use, expected a free port: set another MASTER_PORT, or end "
                                     "what holds this one (ss -ltnp 'sport = :" +
                                     port + "')"});
}

// A program that accepts connections, and says nothing.
TEST(Rendezvous, DoesNotWaitForWhatIsNoStore) {
  const Listener other = listen_on_loopback();
  const std::string end = meet({pair_rank(1, other.port())}, {{}}, seconds(1)).front();
  EXPECT_TRUE(end.starts_with("75: [dist] rank 1 of 2 at 127.0.0.1:")) << end;
  EXPECT_TRUE(end.ends_with("; expected all ranks within 1 s")) << end;
}

TEST(Rendezvous, NamesAMachineThatNobodyKnows) {
  Rank rank = pair_rank(1, 29500);
  rank.address = "no-such-host.invalid";
  const std::string end = meet({rank}, {{}}, seconds(2)).front();
  EXPECT_TRUE(end.starts_with("2: [dist] machine of rank 0, got 'no-such-host.invalid': ")) << end;
  EXPECT_TRUE(end.ends_with("; expected a name or an address (MASTER_ADDR)")) << end;
}

TEST(Rendezvous, MeetsByNameAndByAddressesOfVersionSix) {
  for (const char* address : {"localhost", "::1"}) {
    const int port = free_port();
    std::vector<Rank> ranks{pair_rank(0, port), pair_rank(1, port)};
    for (Rank& rank : ranks) rank.address = address;
    EXPECT_EQ(meet(ranks, {{}, {}}), std::vector<std::string>(2, "met")) << address;
  }
}

// Two machines, of which /etc/hosts of the first gives its own name a loopback address.
TEST(Rendezvous, IsFoundUnderANameThatHidesTheMachine) {
  const int port = free_port();
  std::vector<Rank> ranks{pair_rank(0, port), pair_rank(1, port)};
  for (Rank& rank : ranks) rank.address = "127.0.1.1", rank.local_count = 1, rank.is_local = false;
  EXPECT_EQ(meet(ranks, {{}, {}}), std::vector<std::string>(2, "met"));
}

}  // namespace
}  // namespace molmo::distributed
