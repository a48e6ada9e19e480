// SPDX-License-Identifier: Apache-2.0
#include "train/run_folder.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/files.h"
#include "base/json.h"
#include "config/load.h"
#include "formats/step_folders.h"
#include "train/pin_models.h"
#include "train/recipe.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockFile = "lock";
constexpr const char* kDataFile = "data.json";

// A folder may hold only a partial step, of a run that was killed during its first save: the run starts from the
// beginning there. But steps that were complete once must not be overwritten silently.
void expect_no_lost_steps(const fs::path& run) {
  const std::vector<fs::path> damaged = formats::damaged_steps(run);
  if (damaged.empty()) return;
  throw Error(
      fmt::format("[train] {}: no complete step is left, got {} with a defect ({}), expected one to go on from; "
                  "to begin anew choose another folder",
                  run.string(), damaged.back().filename().string(), formats::defect_of_step(damaged.back())));
}

// Temporary files of writers that were killed. Safe to remove: the lock is held, and the other ranks have not begun.
void remove_temporaries(const fs::path& run) {
  std::vector<fs::path> folders{run};
  for (const auto& [step, folder] : formats::step_folders(run)) folders.push_back(folder);
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      std::error_code failed;
      if (is_temporary_name(entry.path().filename().string()) && fs::remove(entry.path(), failed))
        log_info(fmt::format("[train] removed {}, which a killed run has left", entry.path().string()));
    }
  }
}

// The order of the examples is drawn from their number: with changed data it differs from here on. Datasets that were
// added or removed are changes of the recipe, and logged with it.
void warn_of_other_data(const fs::path& file, const std::vector<data::Loader::Source>& data) {
  if (!fs::exists(file)) return;  // a run of an earlier version
  const Json before = read_json(file);
  for (const data::Loader::Source& source : data) {
    const auto found = before.find(source.name);
    if (found == before.end()) continue;
    const std::string difference = data::describe_difference(
        source.fingerprint, data::fingerprint_from_json(*found, file.string()), "at the last start");
    if (!difference.empty())
      log_warning(
          fmt::format("[train] resumed with other data: data.datasets.{}: {}; the order of its examples is "
                      "another from here on",
                      source.name, difference));
  }
}

}  // namespace

RunFolder::RunFolder(fs::path path, bool resumes, distributed::Communicator& everyone)
    : path_(std::move(path)), is_first_(everyone.rank() == 0) {
  if (is_first_) look(resumes);
  // Only rank 0 contributes, so the sum broadcasts its answer: the step plus one, or 0 for none.
  std::array<double, 1> steps{newest_ ? static_cast<double>(*newest_ + 1) : 0.0};
  everyone.sum(steps, "the step to resume from");
  if (steps[0] > 0) newest_ = std::llround(steps[0]) - 1;
}

void RunFolder::look(bool resumes) {
  std::error_code absent;
  if (fs::exists(path_ / kLockFile, absent)) lock();
  newest_ = formats::newest_complete_step(path_);
  if (!newest_) return expect_no_lost_steps(path_);
  if (!resumes)
    throw Error(fmt::format("[train] {} holds a run that is {} steps old, expected a new folder (or --resume auto)",
                            path_.string(), *newest_));
}

// A rank of a killed run may outlive it by some seconds, and holds the lock until it ends.
void RunFolder::lock() {
  constexpr int kMostTries = 50;
  for (int i = 0; i < kMostTries; ++i) {
    lock_ = FileLock::try_take(path_ / kLockFile);
    if (lock_) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw Error(fmt::format("[train] {} is in use by another run, expected one at a time", path_.string()));
}

void RunFolder::begin(config::TrainConfig& recipe, const std::vector<data::Loader::Source>& data) {
  if (!is_first_) return;
  if (!lock_) {  // it was a new folder
    lock();
    if (formats::newest_complete_step(path_) != newest_)
      throw Error(fmt::format("[train] {} was taken by another run meanwhile, expected one at a time", path_.string()));
  }
  log_.emplace(path_ / "log.txt");
  remove_temporaries(path_);
  recipe.molmo.tokenizer.file = copy_into(path_, recipe.molmo.tokenizer.file);
  const fs::path file = path_ / kRecipeFile;
  if (newest_ && fs::exists(file)) {
    const auto before = config::load_config<config::TrainConfig>(file);
    keep_pins(before, recipe);
    log_changes(before, recipe, file);
  }
  if (newest_) warn_of_other_data(path_ / kDataFile, data);
  write_json(file, config::to_json(recipe));
  Json fingerprints = Json::object();
  for (const data::Loader::Source& source : data) fingerprints[source.name] = data::to_json(source.fingerprint);
  write_json(path_ / kDataFile, fingerprints);
}

void RunFolder::log_end(const Error& error) {
  if (log_) log_->add_error(error.what());
}

}  // namespace molmo::train
