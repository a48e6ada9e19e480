// Replies on disk, so that a stopped evaluation goes on where it was.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "base/json.h"

namespace molmo::eval {

/// What a question is asked about: its picture, or a blank one of the same size.
enum class Pictures { kReal, kBlank };

class ReplyLog {
 public:
  /// Takes over FOLDER/predictions.jsonl, or begins it; an empty folder keeps nothing. The line that a stopped run was
  /// writing may be torn: it is cut off, with its question open. Errors: a file made with other settings, or one that
  /// is no list of replies.
  ReplyLog(const std::filesystem::path& folder, const Json& settings);

  const std::string* find(size_t question, Pictures pictures) const;  ///< null: not answered yet
  void add(size_t question, Pictures pictures, const std::string& reply);

 private:
  void read(const std::filesystem::path& path, const Json& settings);
  void read_line(const Json& line, const std::filesystem::path& path, const Json& settings);

  std::map<std::pair<size_t, Pictures>, std::string> replies_;
  std::ofstream file_;
};

}  // namespace molmo::eval
