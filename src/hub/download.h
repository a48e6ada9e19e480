// One file of a model from the hub to its blob: what an earlier run has left goes on, and nothing is named a blob that
// was not compared with its hash and is not on the disk.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hub/progress.h"
#include "hub/repo_cache.h"
#include "hub/repo_files.h"

namespace molmo::hub {

/// Waits for other processes at the same file, and takes theirs.
/// Errors: bytes that differ from their hash or number, which are thrown away; a full disk; those of RepoFiles::get.
void download_blob(RepoFiles& hub, const RepoCache& cache, const RepoFile& file, Progress& progress);

}  // namespace molmo::hub
