// SPDX-License-Identifier: Apache-2.0
#include "train/pin_models.h"

#include <fmt/format.h>

#include <array>
#include <future>
#include <thread>

#include "base/end_now.h"
#include "base/strings.h"
#include "hub/find_model.h"
#include "hub/repo_id.h"
#include "molmo/error.h"
#include "train/recipe.h"

namespace molmo::train {
namespace {

constexpr auto kHeartbeat = std::chrono::seconds(1);
constexpr std::string_view kSubject = "the download of a model";

std::array<std::optional<std::string>*, 3> sources(config::TrainConfig& config) {
  return {&config.init_from, &config.init_llm_from, &config.init_tower_from};
}

// "" or the exit code and the text of an error.
std::string problem_of(const std::function<void()>& work) {
  try {
    work();
    return "";
  } catch (const Error& error) {
    return fmt::format("{} {}", static_cast<int>(error.code()), error.what());
  } catch (const std::exception& error) {
    return fmt::format("{} {}", static_cast<int>(ExitCode::kUserError), error.what());
  }
}

// Runs `work` on this rank while the others run theirs. Meanwhile all exchange signs of life, since a download may take
// longer than a collective's time-out.
void work_together(std::function<void()> work, distributed::Communicator& everyone) {
  std::packaged_task<std::string()> task([work = std::move(work)] { return problem_of(work); });
  std::future<std::string> result = task.get_future();
  std::thread(std::move(task)).detach();
  try {
    for (std::array<double, 1> num_done{}; num_done[0] < everyone.size();) {
      num_done[0] = result.wait_for(kHeartbeat) == std::future_status::ready ? 1.0 : 0.0;
      everyone.sum(num_done, kSubject);
    }
  } catch (const Error& error) {
    end_now(error);  // the download would be waited for
  }
  for (const std::string& problem : everyone.gather_texts(result.get(), kSubject)) {
    if (problem.empty()) continue;
    const size_t blank = problem.find(' ');
    throw Error(problem.substr(blank + 1), static_cast<ExitCode>(std::stoi(problem.substr(0, blank))));
  }
}

}  // namespace

config::TrainConfig pin_models(config::TrainConfig config, const std::filesystem::path& run,
                               const distributed::Rank& rank, distributed::Communicator& everyone) {
  const auto each = [&](const auto& change) {
    for (std::optional<std::string>* source : sources(config)) {
      if (*source) change(**source);
    }
  };
  const auto pin = [](std::string& source) { source = hub::pin_model(source); };
  const bool asks = everyone.rank() == 0 && !can_go_on(run);
  if (everyone.size() == 1) {
    if (asks) each(pin);
    return config;
  }
  work_together([&] { asks ? each(pin) : void(); }, everyone);
  std::vector<std::string> pinned;
  if (asks) each([&](const std::string& source) { pinned.push_back(source); });
  pinned = split_text(everyone.gather_texts(join_text(pinned, "\n"), kSubject)[0], '\n');
  if (pinned[0].empty()) return config;
  // A rank with more of them keeps its own: the ranks' recipes are compared elsewhere.
  size_t next = 0;
  each([&](std::string& source) { source = next < pinned.size() ? pinned[next++] : source; });
  const bool looks = everyone.rank() != 0 && rank.local_index == 0;
  work_together([&] { looks ? each([](const std::string& source) { hub::pin_model(source); }) : void(); }, everyone);
  return config;
}

void keep_pins(const config::TrainConfig& before, config::TrainConfig& now) {
  config::TrainConfig begun = before;
  for (size_t i = 0; i < sources(now).size(); ++i) {
    const std::optional<std::string>&old = *sources(begun)[i], &own = *sources(now)[i];
    const auto pinned = old ? hub::parse_repo_id(*old) : std::nullopt,
               named = own ? hub::parse_repo_id(*own) : std::nullopt;
    if (pinned && named && pinned->is_commit() && pinned->name == named->name && !named->is_commit())
      *sources(now)[i] = old;
  }
}

}  // namespace molmo::train
