// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/listener.h"
#include "base/log.h"
#include "cli/commands.h"
#include "molmo/error.h"

namespace molmo::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPause(5);  // for ranks that know of the end already

struct LaunchOptions {
  int ranks = 2, grace = 60;
  std::vector<std::string> command;
};

// Passed on to the ranks; they know what to do with a second one. SIGQUIT ends them.
constexpr std::array kPassedOn{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};

volatile std::sig_atomic_t caught[NSIG] = {};
void note_signal(int signal) { caught[signal] = 1; }

sigset_t passed_on_set() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kPassedOn) ::sigaddset(&set, signal);
  return set;
}

// What is ignored stays ignored, in the ranks too (nohup).
void catch_signals() {
  struct sigaction action {
  }, old{};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : kPassedOn) {
    ::sigaction(signal, nullptr, &old);
    if (old.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

void set_variable(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

// One process per rank, in the environment that torchrun gives its own. Rank 0 inherits the socket through which the
// ranks meet: it listens on the loopback alone, and nobody can take its port in between.
class LocalRanks {
 public:
  explicit LocalRanks(const LaunchOptions& options) : options_(options) {
    const Listener listener = listen_on_loopback();
    for (int rank = 0; rank < options.ranks; ++rank) running_.push_back({rank, start(rank, listener)});
  }

  // Until all have ended; returns the code to end with: that of the first rank that failed of itself. A rank that lost
  // another ends with 75, maybe before the one that failed is seen to have ended.
  int wait() {
    while (!running_.empty()) {
      pass_on_signals();
      ask_others();
      if (deadline_ && Clock::now() > *deadline_) kill_all(SIGKILL);
      int status = 0;
      const pid_t ended = ::waitpid(-1, &status, WNOHANG);
      if (ended > 0) {
        note_end(ended, status);
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
    return exit_code_;
  }

 private:
  struct Process {
    int rank;
    pid_t id;
  };

  // A signal to the child before it runs the program ends it, and is not lost in a copy of the launcher's handler.
  static pid_t fork_without_handlers() {
    const sigset_t held = passed_on_set();
    sigset_t old;
    ::sigprocmask(SIG_BLOCK, &held, &old);
    const pid_t child = ::fork();
    if (child == 0) {
      struct sigaction action {};
      for (const int signal : kPassedOn) {
        ::sigaction(signal, nullptr, &action);
        if (action.sa_handler == note_signal) ::signal(signal, SIG_DFL);
      }
    }
    ::sigprocmask(SIG_SETMASK, &old, nullptr);
    return child;
  }

  pid_t start(int rank, const Listener& listener) const {
    std::vector<char*> arguments{const_cast<char*>("molmo")};
    for (const std::string& word : options_.command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid(), child = fork_without_handlers();
    if (child < 0) throw Error("[launch] no further process, expected " + std::to_string(options_.ranks));
    if (child > 0) return child;
    ::setpgid(0, 0);  // a Ctrl-C reaches the launcher alone, which passes it on once
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(static_cast<int>(ExitCode::kRestart));
    const std::string index = std::to_string(rank), count = std::to_string(options_.ranks);
    for (const char* name : {"RANK", "LOCAL_RANK"}) set_variable(name, index);
    for (const char* name : {"WORLD_SIZE", "LOCAL_WORLD_SIZE"}) set_variable(name, count);
    set_variable("MASTER_ADDR", "127.0.0.1");
    set_variable("MASTER_PORT", std::to_string(listener.port()));
    for (const char* name : {"TORCHELASTIC_USE_AGENT_STORE", kListenerVariable}) ::unsetenv(name);
    if (rank == 0) {
      ::fcntl(listener.descriptor(), F_SETFD, 0);  // stays open in the program
      set_variable(kListenerVariable, std::to_string(listener.descriptor()));
    }
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(static_cast<int>(ExitCode::kBug));
  }

  void note_end(pid_t id, int status) {
    const auto found = std::find_if(running_.begin(), running_.end(), [&](const Process& p) { return p.id == id; });
    if (found == running_.end()) return;
    const int rank = found->rank;
    running_.erase(found);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitCode::kRestart);
    log_warning(WIFEXITED(status) ? fmt::format("[launch] rank {} ended with exit code {}", rank, code)
                                  : fmt::format("[launch] rank {} was killed by signal {}", rank, WTERMSIG(status)));
    if (exit_code_ == 0 || exit_code_ == static_cast<int>(ExitCode::kRestart)) exit_code_ = code;
    if (WIFEXITED(status) && code == static_cast<int>(ExitCode::kRestart) && !asks_at_)
      asks_at_ = Clock::now() + kPause;
    if (!deadline_) deadline_ = Clock::now() + std::chrono::seconds(options_.grace);  // the others see it themselves
  }

  // A rank that a signal ends before it has met the others cannot tell them, and they would wait for it: they are asked
  // to stop too, once. Those that it had met are saving by then, and a further signal changes nothing for them.
  void ask_others() {
    if (!asks_at_ || Clock::now() < *asks_at_) return;
    asks_at_ = Clock::time_point::max();
    kill_all(SIGTERM);
  }

  void pass_on_signals() const {
    for (const int signal : kPassedOn) {
      if (!caught[signal]) continue;
      caught[signal] = 0;
      kill_all(signal);
    }
  }

  void kill_all(int signal) const {
    for (const Process& process : running_) ::kill(process.id, signal);
  }

  const LaunchOptions& options_;
  std::vector<Process> running_;
  std::optional<Clock::time_point> deadline_, asks_at_;
  int exit_code_ = 0;
};

// "molmo train ..." as well as "train ...".
std::vector<std::string> without_program(std::vector<std::string> command) {
  if (command.size() > 1 && std::filesystem::path(command.front()).filename() == "molmo")
    command.erase(command.begin());
  return command;
}

int launch(LaunchOptions options) {
  options.command = without_program(std::move(options.command));
  if (options.command.front() != kTrain.name) {
    throw Error(
        fmt::format("[launch] the subcommand after --, got '{}', expected {}: no other shares its work among ranks",
                    options.command.front(), kTrain.name));
  }
  catch_signals();
  return LocalRanks(options).wait();
}

}  // namespace

void add_launch(Command& app) {
  auto options = std::make_shared<LaunchOptions>();
  Command command = app.subcommand(
      "launch", "start a command on several ranks of this machine: molmo launch -n 4 -- train recipe.json --out run");
  command.option("-n,--ranks", options->ranks, "number of ranks").within(1, 1024);
  command.option("--grace", options->grace, "seconds that the other ranks have to end after one has failed")
      .within(0, 86400);
  command.option("COMMAND", options->command, "the subcommand and its words, after --").required();
  command.acts([options](int, char**) { return launch(*options); });
}

}  // namespace molmo::cli
