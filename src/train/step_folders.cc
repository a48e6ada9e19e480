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
#include "molmo/error.h"

namespace molmo::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifestFile = "manifest.json";
constexpr const char* kStepPrefix = "step";

// Every file of the step, the model's configuration and tokenizer among them. Slices are asked for by name: a listing
// of a network's folder may be older than what other machines have put there.
void write_manifest(const fs::path& folder, const std::vector<std::string>& slices) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& entry : fs::directory_iterator(folder)) sizes[entry.path().filename().string()] = entry.file_size();
  for (const std::string& slice : slices) {
    std::error_code failed;
    sizes[slice] = fs::file_size(folder / slice, failed);
    if (failed)
      throw Error(fmt::format("[checkpoint] {}: {}, expected the files of all ranks in one folder that all of them see",
                              (folder / slice).string(), failed.message()));
  }
  Json files = Json::object();
  for (const auto& [name, size] : sizes) files[name] = size;
  write_json(folder / kManifestFile, Json{{"format", 1}, {"files", files}});
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

// All step folders of a run, ascending.
std::map<int64_t, fs::path> step_folders(const fs::path& run) {
  std::map<int64_t, fs::path> folders;
  if (!fs::is_directory(run)) return folders;
  for (const auto& entry : fs::directory_iterator(run)) {
    const auto step = entry.is_directory() ? step_of(entry.path()) : std::nullopt;
    if (step) folders[*step] = entry.path();
  }
  return folders;
}

void remove_step(const fs::path& folder) {
  fs::remove(folder / kManifestFile);  // first, so that a half-removed step is never taken for complete
  fs::remove_all(folder);
}

// What is older than the steps to keep: complete ones, and the torsos of killed runs.
void remove_old_steps(const fs::path& run, int keep) {
  const std::vector<int64_t> complete = complete_steps(run);
  if (complete.size() < static_cast<size_t>(keep)) return;
  const int64_t oldest_kept = complete[complete.size() - static_cast<size_t>(keep)];
  for (const auto& [step, folder] : step_folders(run)) {
    if (step >= oldest_kept) break;
    try {
      remove_step(folder);
    } catch (const fs::filesystem_error& error) {
      log_warning(fmt::format("[checkpoint] {}: cannot be removed: {}", folder.string(), error.code().message()));
    }
  }
}

}  // namespace

std::string step_folder_name(int64_t step) { return fmt::format("{}{:06}", kStepPrefix, step); }

std::vector<int64_t> complete_steps(const fs::path& run) {
  std::vector<int64_t> steps;
  for (const auto& [step, folder] : step_folders(run)) {
    if (is_complete(folder)) steps.push_back(step);
  }
  return steps;
}

void warn_of_incomplete_steps(const fs::path& run) {
  for (const auto& [step, folder] : step_folders(run)) {
    if (!is_complete(folder)) log_warning(fmt::format("[checkpoint] {}: incomplete, left out", folder.string()));
  }
}

fs::path begin_step_folder(const fs::path& run, int64_t step) {
  const fs::path folder = run / step_folder_name(step);
  if (fs::exists(folder)) remove_step(folder);
  fs::create_directories(folder);
  return folder;
}

void complete_step_folder(const fs::path& run, int64_t step, const std::vector<std::string>& slices, int keep) {
  const fs::path folder = run / step_folder_name(step);
  write_manifest(folder, slices);
  sync_directory(folder);
  write_file_atomically(run / "latest", folder.filename().string() + "\n");
  remove_old_steps(run, keep);
}

}  // namespace molmo::train
