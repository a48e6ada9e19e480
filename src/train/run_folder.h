// The folder of a run: who may write to it, and which step it has reached. Nothing in it changes before begin(), so
// that a run that is refused at the start leaves it as it was.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "base/file_lock.h"
#include "base/log.h"
#include "config/train_config.h"
#include "data/loader.h"
#include "distributed/communicator.h"
#include "molmo/error.h"

namespace molmo::train {

class RunFolder {
 public:
  /// Locks the folder of an earlier run, looks for its newest complete step, and tells the other ranks: rank 0 decides,
  /// since file systems may show a step to some ranks later. Every rank calls it; `everyone` outlives it.
  /// Errors: another run has the folder; it holds steps and `resumes` is false; none of its steps is complete any more.
  RunFolder(std::filesystem::path path, bool resumes, distributed::Communicator& everyone);

  /// The step to go on from.
  std::optional<int64_t> newest_step() const { return newest_; }

  /// From here on the folder is the run's. On rank 0: locks it, removes what killed runs have left half-written, starts
  /// log.txt, copies the tokenizer (`recipe` then names the copy), logs what changed in recipe and data since the last
  /// start, and writes them. After that the run needs neither the model nor the tokenizer that it started from.
  void begin(config::TrainConfig& recipe, const std::vector<data::Loader::Source>& data);

  /// Writes the error that ends the run to log.txt, if the run has begun.
  void log_end(const Error& error);

 private:
  void look(bool resumes);
  void lock();

  std::filesystem::path path_;
  bool is_first_;
  std::optional<int64_t> newest_;
  std::unique_ptr<FileLock> lock_;
  std::optional<LogFile> log_;
};

}  // namespace molmo::train
