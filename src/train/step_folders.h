// The step folders of a run: RUN/step000100. A manifest, written last, names a step's files with their sizes and makes
// it complete; RUN/latest names the newest complete one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace molmo::train {

/// "step000100"
std::string step_folder_name(int64_t step);

/// Steps of a run whose manifest is there and whose files have the sizes it names, ascending.
std::vector<int64_t> complete_steps(const std::filesystem::path& run);

/// Says which step folders of a run are not complete.
void warn_of_incomplete_steps(const std::filesystem::path& run);

/// Makes an empty step folder; what an earlier attempt has left in it goes.
std::filesystem::path begin_step_folder(const std::filesystem::path& run, int64_t step);

/// Writes the manifest of a step whose files are there, then `latest`. Keeps the newest `keep` complete steps and takes
/// away what is older; that it cannot is no error. Errors: one of `slices`, the files of all ranks, is missing.
void complete_step_folder(const std::filesystem::path& run, int64_t step, const std::vector<std::string>& slices,
                          int keep);

}  // namespace molmo::train
