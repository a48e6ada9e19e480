// The program's threads beside other work: LibTorch's OpenMP threads wait by sleeping, not by spinning.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cli/program.h"

namespace molmo {
namespace {

using molmo::testing::Outcome;
using molmo::testing::run_program;

// What libgomp says of its settings as it is loaded.
std::string spin_count(const std::string& environment) {
  const Outcome outcome = run_program("bench train --shape tiny --crops 0 --rows 1 --tokens 16 --steps 1",
                                      "OMP_DISPLAY_ENV=verbose " + environment);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string before = "GOMP_SPINCOUNT = '";
  const size_t at = outcome.err.find(before);
  if (at == std::string::npos) return "not said in: " + outcome.err;
  return outcome.err.substr(at + before.size(), outcome.err.find('\'', at + before.size()) - at - before.size());
}

double seconds_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Processor time of a short training, start-up included.
double training_seconds(const std::string& environment) {
  const double before = seconds_of_children();
  const Outcome outcome =
      run_program("bench train --shape tiny --crops 1 --rows 1 --tokens 192 --steps 6 --threads 2", environment);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return seconds_of_children() - before;
}

class BusyLoops {
 public:
  explicit BusyLoops(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!ends_) {
        }
      });
    }
  }
  ~BusyLoops() {
    ends_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  BusyLoops(const BusyLoops&) = delete;
  BusyLoops& operator=(const BusyLoops&) = delete;

 private:
  std::atomic<bool> ends_ = false;
  std::vector<std::thread> threads_;
};

TEST(Threads, WaitAsTheEnvironmentSaysOrBriefly) {
  EXPECT_EQ(spin_count("env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY"), "1000");
  EXPECT_EQ(spin_count("GOMP_SPINCOUNT=77"), "77");
  EXPECT_NE(spin_count("env -u GOMP_SPINCOUNT OMP_WAIT_POLICY=active"), "1000");
}

// A thread that spins until its partner is scheduled again burns the processor for whole time slices: then this takes
// seven to ten times the processor time of a training alone.
TEST(Threads, TrainBesideBusyLoops) {
  const std::string as_shipped = "env -u GOMP_SPINCOUNT -u OMP_WAIT_POLICY";
  const double alone = training_seconds(as_shipped);
  const BusyLoops busy(std::thread::hardware_concurrency());
  const double beside = training_seconds(as_shipped);
  EXPECT_LT(beside, 3.0 * alone + 1.0);
}

}  // namespace
}  // namespace molmo
