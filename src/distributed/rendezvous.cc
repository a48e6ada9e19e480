// SPDX-License-Identifier: Apache-2.0
#include "distributed/rendezvous.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/json.h"
#include "base/log.h"
#include "distributed/address.h"
#include "distributed/agreement.h"
#include "molmo/error.h"

namespace molmo::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds, std::chrono::seconds;
using StorePointer = c10::intrusive_ptr<c10d::Store>;

// Version of the keys in the store: programs with different ones do not see each other.
constexpr const char* kProtocol = "molmo1";
constexpr seconds kMostPatience{15};
constexpr seconds kLeastLinger{3}, kMostLinger{30};  // of rank 0, until all have read why the run ends
constexpr milliseconds kPoll{20};                    // of rank 0, for who has joined

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// One rank during the rendezvous.
class Meeting {
 public:
  Meeting(const Rank& rank, const Timeouts& timeouts, Facts facts)
      : rank_(rank), timeouts_(timeouts), deadline_(Clock::now() + timeouts.start), facts_(std::move(facts)) {
    facts_.insert(facts_.begin(), {"the number of ranks", std::to_string(rank.count)});
  }

  StorePointer hold() {
    open_store();
    if (store_->add(key("rank", rank_.index), 1) > 1)
      throw Error(fmt::format("[dist] rank {} of {}, got two processes of this number, expected one (RANK)",
                              rank_.index, rank_.count));
    store_->set(key("facts", rank_.index), to_text(facts_));
    if (rank_.index == 0) judge();
    const Json verdict = Json::parse(hear());
    if (const auto code = verdict.at("code").get<int>(); code != 0)
      throw Error(verdict.at("text").get<std::string>(), static_cast<ExitCode>(code));
    return store_;
  }

  // Instead of hold(). Rank 0 gives the verdict itself; another rank leaves its failure in the store, where rank 0
  // finds it.
  void decline(const Error& error) {
    open_store();
    const std::string text = fmt::format("[dist] rank {} of {} has failed before it met the others: {}", rank_.index,
                                         rank_.count, error.what());
    const std::string verdict = to_verdict(error.code(), text).dump();
    if (rank_.index == 0) {
      store_->set(key("verdict", 0), verdict);
      linger(rank_.count - 1, patience_of(timeouts_));
    } else {
      store_->compareSet(key("absence", 0), std::string(), verdict);
      store_->add(key("heard", 0), 1);
    }
  }

 private:
  static Json to_verdict(ExitCode code, const std::string& text) {
    return {{"code", static_cast<int>(code)}, {"text", text}};
  }
  static std::string key(const char* what, int rank) { return fmt::format("{}/{}/{}", kProtocol, what, rank); }

  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(fmt::format("[dist] rank {} of {} at {}:{}: {}; expected all ranks within {} s", rank_.index,
                            rank_.count, rank_.address, rank_.port, reason, timeouts_.start.count()),
                ExitCode::kRestart);
  }

  milliseconds time_left() const {
    return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(deadline_ - Clock::now()));
  }

  // Rank 0 listens at the address that the name has here, and on all interfaces only where others must know another.
  Listener listen(std::vector<Address> addresses, seconds patience) const {
    if (rank_.listener) return Listener(*rank_.listener);
    if (!rank_.is_local) std::erase_if(addresses, is_loopback);
    if (auto listener = listen_at(addresses, patience)) return std::move(*listener);
    const std::string where = fmt::format("MASTER_ADDR '{}' is no address of rank 0's machine{}", rank_.address,
                                          addresses.empty() ? " that others reach" : "");
    if (rank_.is_local) throw Error(fmt::format("[dist] {}, expected one, as all ranks are there", where));
    log_warning(fmt::format("[dist] {}: it listens on all interfaces", where));
    return listen_everywhere(rank_.port, patience);
  }

  void open_store() {
    const seconds patience = patience_of(timeouts_);
    const std::vector<Address> addresses = resolve(rank_.address, rank_.port, patience);
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(rank_.port);
    options.waitWorkers = false;  // for whom we wait below, by number
    options.isServer = rank_.index == 0 && !rank_.agents_attempt;
    options.timeout = time_left();
    std::string host = rank_.address;
    if (options.isServer) {
      Listener listener = listen(addresses, patience);
      options.port = static_cast<uint16_t>(listener.port());
      host = own_host(listener);
      options.masterListenFd = listener.release();
    }
    store_ = join_store(host, options);
    // torchrun's store outlives the ranks: keys that an earlier attempt left there are not ours.
    if (rank_.agents_attempt)
      store_ = c10::make_intrusive<c10d::PrefixStore>(fmt::format("molmo/{}/", *rank_.agents_attempt), store_);
  }

  // On a thread of its own: if something else listens at that port and never answers, c10d would wait forever.
  StorePointer join_store(const std::string& host, const c10d::TCPStoreOptions& options) const {
    std::packaged_task<StorePointer()> task(
        [host, options]() -> StorePointer { return c10::make_intrusive<c10d::TCPStore>(host, options); });
    std::future<StorePointer> joined = task.get_future();
    std::thread(std::move(task)).detach();
    if (joined.wait_for(time_left() + kLeastLinger) != std::future_status::ready)
      fail("what listens there does not answer: another program may have the port");
    try {
      return joined.get();
    } catch (const std::exception& error) {
      fail(first_line(error.what()));
    }
  }

  // On rank 0: have all others joined, and with the same facts?
  void judge() {
    Json verdict = to_verdict(ExitCode::kDone, "");
    bool same_count = true;
    for (int other = 1; other < rank_.count && verdict["code"] == 0; ++other) {
      verdict = await(other);
      if (verdict["code"] != 0) break;
      const Facts theirs = facts_from_text(store_->get_to_str(key("facts", other)));
      const std::string text = difference(facts_, theirs, other);
      if (!text.empty()) verdict = to_verdict(ExitCode::kUserError, text);
      same_count = theirs.front() == facts_.front();
    }
    store_->set(key("verdict", 0), verdict.dump());
    if (verdict["code"] == 0) return;
    if (verdict["code"] == static_cast<int>(ExitCode::kUserError) && same_count) {
      linger(rank_.count - 1, kMostLinger);
    } else {
      linger(num_others_here(), kLeastLinger);
    }
  }

  // Waits until a rank has joined, or has written that it will not.
  Json await(int other) const {
    try {
      while (!store_->check({key("facts", other)})) {
        if (store_->check({key("absence", 0)})) return Json::parse(store_->get_to_str(key("absence", 0)));
        if (Clock::now() > deadline_)
          return to_verdict(ExitCode::kRestart,
                            fmt::format("[dist] rank 0 of {} at {}:{}: rank {} has not come (its own log may say why); "
                                        "expected all ranks within {} s",
                                        rank_.count, rank_.address, rank_.port, other, timeouts_.start.count()));
        std::this_thread::sleep_for(kPoll);
      }
    } catch (const std::exception& error) {
      fail("the store is gone: " + first_line(error.what()));
    }
    return to_verdict(ExitCode::kDone, "");
  }

  int64_t num_others_here() const {
    int64_t count = 0;
    for (int other = 1; other < rank_.count; ++other) count += store_->check({key("rank", other)}) ? 1 : 0;
    return count;
  }

  // The store ends with rank 0, so it stays until those that have joined, and those that still will, have read the
  // reason.
  void linger(int64_t num_others, seconds most) {
    const auto until = Clock::now() + most;
    while (store_->add(key("heard", 0), 0) < num_others && Clock::now() < until) std::this_thread::sleep_for(kPoll);
  }

  std::string hear() {
    try {
      // Rank 0 may have started to wait later than this one.
      store_->wait({key("verdict", 0)}, time_left() + std::chrono::duration_cast<milliseconds>(kMostLinger));
      const std::string verdict = store_->get_to_str(key("verdict", 0));
      if (rank_.index > 0) store_->add(key("heard", 0), 1);
      return verdict;
    } catch (const std::exception& error) {
      fail("rank 0 does not answer, or speaks otherwise: " + first_line(error.what()));
    }
  }

  const Rank& rank_;
  Timeouts timeouts_;
  Clock::time_point deadline_;
  Facts facts_;
  StorePointer store_;
};

}  // namespace

seconds patience_of(const Timeouts& timeouts) {
  return std::min(kMostPatience, std::max(seconds(1), timeouts.start / 2));
}

StorePointer meet_in_store(const Rank& rank, const Timeouts& timeouts, const Facts& facts) {
  return Meeting(rank, timeouts, facts).hold();
}

void decline_to_meet(const Rank& rank, const Timeouts& timeouts, const Error& error) {
  Meeting(rank, timeouts, {}).decline(error);
}

}  // namespace molmo::distributed
