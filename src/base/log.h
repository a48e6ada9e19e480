// Logging on stderr (spdlog behind this header). Results go to stdout and never through here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace molmo {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

void log_debug(const std::string& message);
void log_info(const std::string& message);
void log_warning(const std::string& message);
void log_error(const std::string& message);

/// Messages below `level` are dropped; the default is kInfo.
void set_log_level(LogLevel level);

/// Copies every message to a file too (a run folder's log.txt), appending, for as long as it lives. Error if the file
/// cannot be opened. What cannot be written later is said on stderr once, and the log alone goes without it.
class LogFile {
 public:
  explicit LogFile(const std::filesystem::path& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  void add_error(const std::string& message);  ///< here alone: stderr gets the error that ends a program by another way

 private:
  class Sink;
  std::shared_ptr<Sink> sink_;
};

/// Keeps every message for the first LogFile that opens while it lives: a run is checked, with warnings, before its
/// folder may be written. The file gets them with the times at which they were logged.
class LogBacklog {
 public:
  LogBacklog();
  ~LogBacklog();
  LogBacklog(const LogBacklog&) = delete;
  LogBacklog& operator=(const LogBacklog&) = delete;

 private:
  class Sink;
  friend class LogFile;
  std::shared_ptr<Sink> sink_;
};

void flush_logs();

}  // namespace molmo
