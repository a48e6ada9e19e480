// SPDX-License-Identifier: Apache-2.0
#include "formats/step_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::formats {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifestFile = "manifest.json";
constexpr const char* kLatestFile = "latest";
constexpr const char* kBestFile = "best";
constexpr std::string_view kStepPrefix = "step";

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

// Only the names that step_folder_name() writes: a folder "step3000" is another program's.
std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kStepPrefix)) return std::nullopt;
  const std::string digits = name.substr(kStepPrefix.size());
  constexpr size_t kMostDigits = 18;
  if (digits.empty() || digits.size() > kMostDigits || digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  const int64_t step = std::stoll(digits);
  return step_folder_name(step) == name ? std::optional(step) : std::nullopt;
}

std::string defect_of_files(const fs::path& folder, const Json& sizes) {
  if (sizes.empty()) return fmt::format("{} names no files", kManifestFile);
  for (const auto& [name, size] : sizes.items()) {
    std::error_code failed;
    const uint64_t got = fs::file_size(folder / name, failed), expected = size.get<uint64_t>();
    if (failed) return fmt::format("{}: {}", name, failed.message());
    if (got != expected) return fmt::format("{} has {} bytes, expected {}", name, got, expected);
  }
  return "";
}

// A run would go on from another step than the one that its state, its metrics and its learning rates know.
std::string defect_of_name(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_regular_file(folder / kStateFile, failed)) return "";
  try {
    const auto step = read_json(folder / kStateFile).at("step").get<int64_t>();
    if (step == step_of(folder)) return "";
    return fmt::format("its {} is that of {}: the folder was renamed", kStateFile, step_folder_name(step));
  } catch (const std::exception&) {  // who goes on from it says what is wrong
    return "";
  }
}

std::string defect_of(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_regular_file(folder / kManifestFile, failed)) return fmt::format("no {}", kManifestFile);
  try {
    const Json manifest = read_json(folder / kManifestFile);
    const std::string defect = defect_of_files(folder, manifest.at("files"));
    return defect.empty() ? defect_of_name(folder) : defect;
  } catch (const std::exception&) {  // one that cannot be read says no more than one that is missing
    return fmt::format("{} cannot be read", kManifestFile);
  }
}

void warn_of_other_latest(const fs::path& run, const std::string& newest) {
  const fs::path file = run / kLatestFile;
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) return;
  const std::string text = read_text_file(file);
  const std::string_view named = trim_text(text);
  if (named == newest) return;
  log_warning(fmt::format("[checkpoint] {}: got '{:.80}', expected '{}', the newest complete step, which is taken",
                          file.string(), named, newest));
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
  const std::optional<int64_t> best = best_step(run);
  for (const auto& [step, folder] : step_folders(run)) {
    if (step >= oldest_kept) break;
    if (step == best) continue;
    try {
      remove_step(folder);
    } catch (const fs::filesystem_error& error) {
      log_warning(fmt::format("[checkpoint] {}: cannot be removed: {}", folder.string(), error.code().message()));
    }
  }
}

}  // namespace

std::string step_folder_name(int64_t step) { return fmt::format("{}{:06}", kStepPrefix, step); }

bool is_run_folder(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed) || fs::exists(folder / "molmo.json")) return false;
  return fs::exists(folder / kLatestFile) || fs::exists(folder / "metrics.jsonl") || !step_folders(folder).empty();
}

std::map<int64_t, fs::path> step_folders(const fs::path& run) {
  std::map<int64_t, fs::path> folders;
  std::error_code failed;
  if (!fs::is_directory(run, failed)) return folders;
  for (const auto& entry : fs::directory_iterator(run)) {
    const auto step = entry.is_directory() ? step_of(entry.path()) : std::nullopt;
    if (step) folders[*step] = entry.path();
  }
  return folders;
}

std::string defect_of_step(const fs::path& folder) {
  std::error_code failed;
  const fs::path place = fs::weakly_canonical(folder, failed);  // "." and "RUN/step000100/" have names too
  return !failed && step_of(place) ? defect_of(place) : "";
}

std::vector<int64_t> complete_steps(const fs::path& run) {
  std::vector<int64_t> steps;
  for (const auto& [step, folder] : step_folders(run)) {
    if (defect_of(folder).empty()) steps.push_back(step);
  }
  return steps;
}

std::optional<int64_t> newest_complete_step(const fs::path& run) {
  const auto folders = step_folders(run);
  for (auto at = folders.rbegin(); at != folders.rend(); ++at) {
    const std::string defect = defect_of(at->second);
    if (defect.empty()) {
      warn_of_other_latest(run, step_folder_name(at->first));
      return at->first;
    }
    log_warning(fmt::format("[checkpoint] {}: incomplete, left out: {}", at->second.string(), defect));
  }
  return std::nullopt;
}

fs::path newest_complete_folder(const fs::path& run) {
  if (const auto step = newest_complete_step(run)) return run / step_folder_name(*step);
  throw Error(
      fmt::format("[checkpoint] {}: a run without a complete step, got {} step folders, expected one with the "
                  "files that its {} names",
                  run.string(), step_folders(run).size(), kManifestFile));
}

std::vector<fs::path> damaged_steps(const fs::path& run) {
  std::error_code failed;
  const std::string latest =
      fs::is_regular_file(run / kLatestFile, failed) ? read_text_file(run / kLatestFile) : std::string();
  std::vector<fs::path> damaged;
  for (const auto& [step, folder] : step_folders(run)) {
    const bool was_complete = fs::exists(folder / kManifestFile) || trim_text(latest) == step_folder_name(step);
    if (was_complete && !defect_of(folder).empty()) damaged.push_back(folder);
  }
  return damaged;
}

void expect_complete_step(const fs::path& folder) {
  const std::string defect = defect_of_step(folder);
  if (defect.empty()) return;
  const std::vector<int64_t> others = complete_steps(fs::weakly_canonical(folder).parent_path());
  throw Error(fmt::format("[checkpoint] {}: incomplete: {}; expected a complete step, the newest of its run is {}",
                          folder.string(), defect, others.empty() ? "none" : step_folder_name(others.back())));
}

void mark_best_step(const fs::path& run, int64_t step) {
  write_file_atomically(run / kBestFile, step_folder_name(step) + "\n");
}

std::optional<int64_t> best_step(const fs::path& run) {
  std::error_code failed;
  if (!fs::is_regular_file(run / kBestFile, failed)) return std::nullopt;
  return step_of(std::string(trim_text(read_text_file(run / kBestFile))));
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
  write_file_atomically(run / kLatestFile, folder.filename().string() + "\n");
  remove_old_steps(run, keep);
}

}  // namespace molmo::formats
