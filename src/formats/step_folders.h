// The step folders of a run: RUN/step000100. A manifest, written last, names a step's files with their sizes and makes
// it complete. Everything that reads a step asks here whether it is. RUN/latest names the newest complete step, for
// people and scripts: it decides nothing, since a run may be killed between the manifest and that line. RUN/best names
// the step with the best held-out score, which is not removed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace molmo::formats {

/// In a step folder: the counters of the run, of which "step" is that of the folder's name.
inline constexpr const char* kStateFile = "state.json";

/// "step000100"
std::string step_folder_name(int64_t step);

/// Whether a folder is that of a run: it has steps, `latest` or metrics, and no model of its own.
bool is_run_folder(const std::filesystem::path& folder);

/// All step folders of a run, ascending, complete or not.
std::map<int64_t, std::filesystem::path> step_folders(const std::filesystem::path& run);

/// What keeps a step folder from being complete: no manifest, a file that it names is missing or has another size, or
/// the step is another than the name says (a renamed folder).
/// Empty for a complete step, and for a folder that has no step's name (a copy is its owner's own).
std::string defect_of_step(const std::filesystem::path& folder);

/// Steps without a defect, ascending.
std::vector<int64_t> complete_steps(const std::filesystem::path& run);

/// The newest complete step. Says in the log which newer ones it passes over and why, and where `latest` names another.
std::optional<int64_t> newest_complete_step(const std::filesystem::path& run);

/// The same as a folder. Error where a run has none.
std::filesystem::path newest_complete_folder(const std::filesystem::path& run);

/// Steps with a defect that were complete once: they have a manifest, or `latest` names them.
std::vector<std::filesystem::path> damaged_steps(const std::filesystem::path& run);

/// Throws an Error with the defect of a step, and with the step to take instead.
void expect_complete_step(const std::filesystem::path& folder);

/// Has RUN/best name a step: it is kept, however old it becomes.
void mark_best_step(const std::filesystem::path& run, int64_t step);

/// The step that RUN/best names.
std::optional<int64_t> best_step(const std::filesystem::path& run);

/// Makes an empty step folder; what an earlier attempt has left in it goes.
std::filesystem::path begin_step_folder(const std::filesystem::path& run, int64_t step);

/// Writes the manifest of a step whose files are there, then `latest`. Keeps the newest `keep` complete steps and
/// the best one, and removes what is older; that it cannot is no error. Errors: one of `slices`, the files of all
/// ranks, is missing.
void complete_step_folder(const std::filesystem::path& run, int64_t step, const std::vector<std::string>& slices,
                          int keep);

}  // namespace molmo::formats
