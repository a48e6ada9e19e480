// SPDX-License-Identifier: Apache-2.0
// Gloo's library is inside libtorch_cpu; its headers are Debian's.
#define USE_C10D_GLOO

#include "distributed/backend.h"

#include <c10/util/Logging.h>
#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"
#include "distributed/address.h"
#include "distributed/failure_watch.h"
#include "distributed/rendezvous.h"
#include "distributed/watched_work.h"
#include "molmo/error.h"
#include "tensor/device.h"
#include "tensor/ops.h"

namespace molmo::distributed {
namespace {

using std::chrono::milliseconds;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// What an error names: the rank, its group, the step and the collective.
struct Place {
  int rank, size;
  int64_t step;
  const char* collective;
  std::string subject;
};

[[noreturn]] void fail(const Place& at, const std::string& reason) {
  throw Error(fmt::format("[dist] rank {} of {}: {} of {} at step {}: {}; expected all ranks in time. A rank has died, "
                          "hangs or is too slow (its own log says); restart with --resume auto",
                          at.rank, at.size, at.collective, at.subject, at.step, first_line(reason)),
              ExitCode::kRestart);
}

class PendingWork : public Pending {
 public:
  PendingWork(c10::intrusive_ptr<c10d::Work> work, Place place) : work_(std::move(work)), place_(std::move(place)) {}

  // Even if nobody waits for it any more, a collective in flight still writes to its tensors: they must outlive it.
  ~PendingWork() override {
    try {
      if (!is_done_) work_->wait();
    } catch (const std::exception&) {  // the exception that is unwinding says more
    }
  }

  void wait() override {
    is_done_ = true;
    try {
      work_->wait();
    } catch (const std::exception& error) {
      fail(place_, error.what());
    }
  }

 private:
  c10::intrusive_ptr<c10d::Work> work_;
  Place place_;
  bool is_done_ = false;
};

using MakeNccl = void (*)(const c10::intrusive_ptr<c10d::Store>&, int, int, milliseconds,
                          c10::intrusive_ptr<c10d::Backend>*);

// Where Gloo listens: at an address of this machine, or on an interface.
struct GlooPlace {
  std::string name;
  bool is_interface;
};

// Settings that all communicators of a process share.
struct Settings {
  std::vector<GlooPlace> places;
  at::Device device;
  Timeouts timeouts;
  bool has_groups_of_one = false;
};

std::vector<GlooPlace> gloo_places(const Rank& rank, std::chrono::seconds patience) {
  if (const char* names = std::getenv("GLOO_SOCKET_IFNAME")) {
    std::vector<GlooPlace> places;
    for (const std::string& name : split_text(names, ',')) {
      if (::if_nametoindex(name.c_str()) == 0)
        throw Error(fmt::format("[dist] GLOO_SOCKET_IFNAME, got '{}', expected interfaces of this machine", names));
      places.push_back({name, true});
    }
    return places;
  }
  if (rank.is_local) return {{"127.0.0.1", false}};
  for (const Address& first : resolve(rank.address, rank.port, patience)) {
    if (const auto own = address_towards(first)) return {{text_of(*own), false}};
  }
  throw Error(
      fmt::format("[dist] no interface leads to '{}', the machine of rank 0, expected one (MASTER_ADDR; "
                  "GLOO_SOCKET_IFNAME names one)",
                  rank.address));
}

c10::intrusive_ptr<c10d::Backend> make_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                               const Settings& settings) {
  if (settings.device.is_cuda()) {
    const auto make = reinterpret_cast<MakeNccl>(tensor::find_in_cuda_half("molmo_cuda_make_nccl"));
    MOLMO_CHECK(make != nullptr, "the CUDA half has no NCCL");
    c10::intrusive_ptr<c10d::Backend> backend;
    make(store, rank, size, std::max(settings.timeouts.start, settings.timeouts.step), &backend);
    return backend;
  }
  auto options = c10d::ProcessGroupGloo::Options::create(settings.timeouts.start);
  for (const GlooPlace& place : settings.places) {
    options->devices.push_back(place.is_interface ? c10d::ProcessGroupGloo::createDeviceForInterface(place.name)
                                                  : c10d::ProcessGroupGloo::createDeviceForHostname(place.name));
  }
  auto backend = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
  backend->setTimeout(settings.timeouts.step);
  return backend;
}

class BackendCommunicator : public Communicator {
 public:
  BackendCommunicator(c10::intrusive_ptr<c10d::Store> store, int rank, int size, Settings settings,
                      const Communicator* parent = nullptr)
      : Communicator(rank, size, parent),
        store_(std::move(store)),
        settings_(std::move(settings)),
        backend_(make_backend(store_, rank, size, settings_)) {
    if (settings_.device.is_cuda())
      watchdog_ = std::make_unique<Watchdog>(end_for_restart, [own = settings_.device] { tensor::use_device(own); });
    if (parent == nullptr) watch_failures();
  }

  // Destroying an NCCL communicator waits for the other ranks, and would wait forever for one that is lost.
  ~BackendCommunicator() override {
    failures_.reset();
    const std::shared_ptr<WatchedWork> watched = watch({rank(), size(), step(), "leaving", "its group"});
    if (settings_.device.is_cuda()) leave();
    backend_.reset();
    if (watched) watched->set_over();
  }
  BackendCommunicator(const BackendCommunicator&) = delete;
  BackendCommunicator& operator=(const BackendCommunicator&) = delete;

  at::Device device() const override { return settings_.device; }

  std::unique_ptr<Pending> all_gather(const Tensor& shard, const Tensor& whole, std::string_view subject) override {
    MOLMO_CHECK(whole.numel() == size() * shard.numel(), "all_gather sizes");
    return start("all-gather", subject, [&] {
      Tensor out = whole, in = shard;
      return backend_->_allgather_base(out, in,
                                       c10d::AllgatherOptions{.timeout = settings_.timeouts.step, .asyncOp = true});
    });
  }

  std::unique_ptr<Pending> reduce_scatter(const Tensor& whole, const Tensor& shard, std::string_view subject) override {
    MOLMO_CHECK(whole.numel() == size() * shard.numel(), "reduce_scatter sizes");
    return start("reduce-scatter", subject, [&] {
      c10d::ReduceScatterOptions options;
      options.timeout = settings_.timeouts.step;
      Tensor out = shard, in = whole;
      return backend_->_reduce_scatter_base(out, in, options);
    });
  }

  std::unique_ptr<Pending> all_reduce(const Tensor& values, std::string_view subject) override {
    return start("all-reduce", subject, [&] {
      c10d::AllreduceOptions options;
      options.timeout = settings_.timeouts.step;
      std::vector<Tensor> tensors{values};
      return backend_->allreduce(tensors, options);
    });
  }

  void tell_failure(const std::string& reason) override {
    failures_.reset();  // this rank's own failure is not news to it
    FailureWatch::tell(*store_, fmt::format("rank {} has failed: {}", rank(), first_line(reason)));
  }

  std::unique_ptr<Communicator> subgroup(const std::string& name, const std::vector<int>& ranks, at::Device device,
                                         std::optional<std::chrono::seconds> timeout) override {
    const auto own = std::find(ranks.begin(), ranks.end(), rank());
    MOLMO_CHECK(own != ranks.end(), "subgroup without its caller");
    if (ranks.size() == 1 && !settings_.has_groups_of_one) return connect({}, settings_.timeouts);
    Settings settings = settings_;
    settings.device = device;
    settings.timeouts.step = timeout.value_or(settings.timeouts.step);
    const auto store = c10::make_intrusive<c10d::PrefixStore>(fmt::format("{}/{}/", name, ranks.front()), store_);
    try {
      auto group = std::make_unique<BackendCommunicator>(store, static_cast<int>(own - ranks.begin()),
                                                         static_cast<int>(ranks.size()), std::move(settings), this);
      // NCCL connects in a group's first collective: here, where an error says what it was about.
      if (device.is_cuda()) group->meet("group " + name);
      return group;
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      fail({rank(), size(), step(), "forming", "group " + name}, error.what());
    }
  }

 private:
  void leave() {
    try {
      std::uncaught_exceptions() > 0 ? backend_->abort() : backend_->shutdown();
    } catch (const std::exception& error) {
      log_warning(fmt::format("[dist] rank {} of {}: leaving its group: {}", rank(), size(), first_line(error.what())));
    }
  }

  void watch_failures() {
    const std::string own = fmt::format("rank {} of {}", rank(), size());
    const auto on_failure = [own](const std::string& reason) { end_for_restart(own, reason); };
    // Rank 0 serves all polls: on large runs they are spread out, to a few hundred per second at most.
    failures_ = std::make_unique<FailureWatch>(
        store_->clone(), on_failure,
        FailureWatch::Pace{.interval = std::max(milliseconds(1000), milliseconds(4 * size()))});
  }

  template <class Start>
  std::unique_ptr<Pending> start(const char* collective, std::string_view subject, const Start& run) {
    Place place{rank(), size(), step(), collective, std::string(subject)};
    const std::shared_ptr<WatchedWork> watched = watch(place);
    try {
      const c10::intrusive_ptr<c10d::Work> work = run();
      if (watched) watched->set_work(work);
      return std::make_unique<PendingWork>(work, std::move(place));
    } catch (const c10::Error& error) {
      if (watched) watched->set_over();
      fail(place, error.what());
    }
  }

  // Null where waiting for a collective blocks the caller (Gloo), which then sees the time-out itself. Called before
  // the collective is started, since the first of a group connects its ranks.
  std::shared_ptr<WatchedWork> watch(const Place& place) {
    if (!watchdog_) return nullptr;
    auto watched = std::make_shared<WatchedWork>();
    const std::chrono::seconds limit =
        is_formed_ ? settings_.timeouts.step : std::max(settings_.timeouts.start, settings_.timeouts.step);
    is_formed_ = true;
    watchdog_->watch(
        fmt::format("rank {} of {}: {} of {} at step {}", place.rank, place.size, place.collective, place.subject,
                    place.step),
        [watched] { return watched->progress(); }, std::chrono::steady_clock::now() + limit);
    return watched;
  }

  c10::intrusive_ptr<c10d::Store> store_;
  Settings settings_;
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::unique_ptr<FailureWatch> failures_;  // of the whole run
  std::unique_ptr<Watchdog> watchdog_;      // of collectives on a GPU
  bool is_formed_ = false;                  // by a first collective
};

// Environment variables and flags that c10d reads when it makes its first group.
void set_environment(const Rank& rank) {
  static std::once_flag once;
  std::call_once(once, [&] {
    // c10d's flight recorder is one per process, and adds a group's first collective to a map without a lock: two
    // threads with a group each (here the run and its checkpoint saver) can crash there.
    ::setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/0);
    // NCCL's own watchdogs would abort the process; ours names the collective and ends with 75. torchrun sets the
    // first.
    for (const char* name :
         {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_RETHROW_CUDA_ERRORS", "TORCH_NCCL_ENABLE_MONITORING"})
      ::setenv(name, "0", /*overwrite=*/1);
    // What c10d logs, with stack traces, also arrives as exceptions: only fatal messages are left on.
    if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = 3;
    if (rank.is_local) ::setenv("NCCL_SOCKET_IFNAME", "lo", /*overwrite=*/0);
  });
}

}  // namespace

void decline(const Rank& rank, const Error& error) {
  constexpr std::chrono::seconds kPatience{15};
  set_environment(rank);
  try {
    decline_to_meet(rank, {.start = kPatience, .step = kPatience}, error);
  } catch (const std::exception&) {  // nobody can be told: the others wait for their full time-out
  }
}

std::unique_ptr<Communicator> connect_backend(const Rank& rank, const Timeouts& timeouts, const Facts& facts,
                                              bool has_groups_of_one) {
  set_environment(rank);
  Settings settings{{}, at::kCPU, timeouts, has_groups_of_one};
  before_meeting(rank, [&] { settings.places = gloo_places(rank, patience_of(timeouts)); });
  c10::intrusive_ptr<c10d::Store> store = meet_in_store(rank, timeouts, facts);
  const std::string own = settings.places.front().name;
  try {
    return std::make_unique<BackendCommunicator>(std::move(store), rank.index, rank.count, std::move(settings));
  } catch (const std::exception& error) {
    throw Error(
        fmt::format("[dist] rank {} of {} at {}: {}; expected all ranks, which met at {}:{}, within {} s", rank.index,
                    rank.count, own, first_line(error.what()), rank.address, rank.port, timeouts.start.count()),
        ExitCode::kRestart);
  }
}

}  // namespace molmo::distributed
