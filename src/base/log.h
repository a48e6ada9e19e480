// Logging on stderr (spdlog behind this header). Results go to stdout and never through here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace molmo {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

void log_debug(const std::string& message);
void log_info(const std::string& message);
void log_warning(const std::string& message);
void log_error(const std::string& message);

/// Messages below `level` are dropped; the default is kInfo.
void set_log_level(LogLevel level);

/// Copies every message to `path` too (a run folder's log.txt), appending. Error if it cannot be written.
void add_log_file(const std::filesystem::path& path);

void flush_logs();

}  // namespace molmo
