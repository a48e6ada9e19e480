// SPDX-License-Identifier: Apache-2.0
#include "train/step_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifestFile = "manifest.json";
constexpr const char* kStepPrefix = "step";

// Every file of the step, the model's configuration and tokenizer among them.
void write_manifest(const fs::path& folder, int num_shards) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& entry : fs::directory_iterator(folder)) sizes[entry.path().filename().string()] = entry.file_size();
  Json files = Json::object();
  for (const auto& [name, size] : sizes) files[name] = size;
  write_json(folder / kManifestFile, Json{{"format", 1}, {"num_shards", num_shards}, {"files", files}});
}

// A manifest that cannot be read says no more than one that is missing.
bool is_complete(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_regular_file(folder / kManifestFile, failed)) return false;
  try {
    const Json manifest = read_json(folder / kManifestFile);
    for (const auto& [name, size] : manifest.at("files").items()) {
      if (fs::file_size(folder / name, failed) != size.get<uint64_t>() || failed) return false;
    }
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kStepPrefix) || name.size() < 5) return std::nullopt;
  const std::string digits = name.substr(4);
  constexpr size_t kMostDigits = 18;
  if (digits.size() > kMostDigits || digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

// What is overwritten is incomplete until the end; another number of ranks wrote files of other names.
void remove_earlier_attempt(const fs::path& folder) {
  fs::remove(folder / kManifestFile);
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.find("-of-") != std::string::npos || name.ends_with(".index.json")) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) fs::remove(path);
}

void remove_old_steps(const fs::path& run, int keep) {
  const std::vector<int64_t> steps = complete_steps(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    const fs::path folder = run / step_folder_name(steps[i]);
    fs::remove(folder / kManifestFile);  // first, so that a half-removed step is never taken for complete
    fs::remove_all(folder);
  }
}

}  // namespace

std::string step_folder_name(int64_t step) { return fmt::format("{}{:06}", kStepPrefix, step); }

std::vector<int64_t> complete_steps(const fs::path& run) {
  std::vector<int64_t> steps;
  if (!fs::is_directory(run)) return steps;
  for (const auto& entry : fs::directory_iterator(run)) {
    const auto step = entry.is_directory() ? step_of(entry.path()) : std::nullopt;
    if (!step) continue;
    if (is_complete(entry.path())) {
      steps.push_back(*step);
    } else {
      log_warning(fmt::format("[checkpoint] {}: incomplete, left out", entry.path().string()));
    }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

fs::path begin_step_folder(const fs::path& run, int64_t step) {
  const fs::path folder = run / step_folder_name(step);
  fs::create_directories(folder);
  remove_earlier_attempt(folder);
  return folder;
}

void complete_step_folder(const fs::path& run, int64_t step, int num_shards, int keep) {
  const fs::path folder = run / step_folder_name(step);
  write_manifest(folder, num_shards);
  sync_directory(folder);
  write_file_atomically(run / "latest", folder.filename().string() + "\n");
  remove_old_steps(run, keep);
}

}  // namespace molmo::train
