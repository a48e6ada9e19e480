// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <mutex>
#include <utility>

#include "base/files.h"
#include "molmo/error.h"

namespace molmo {
namespace {

// Sinks come and go while other threads write.
using Sinks = spdlog::sinks::dist_sink_mt;

const std::shared_ptr<Sinks>& sinks() {
  static const std::shared_ptr<Sinks> instance = [] {
    auto terminal = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    terminal->set_pattern("%H:%M:%S %^%L%$ %v");
    auto made = std::make_shared<Sinks>();
    made->add_sink(std::move(terminal));
    return made;
  }();
  return instance;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("molmo", sinks());
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

}  // namespace

class LogFile::Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit Sink(const std::filesystem::path& path) : file_(path) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    try {
      file_.append({line.data(), line.size()});
    } catch (const Error& error) {
      if (!std::exchange(has_failed_, true)) std::fprintf(stderr, "%s; the log has gaps from here on\n", error.what());
    }
  }
  void flush_() override {}

 private:
  AppendFile file_;
  bool has_failed_ = false;
};

void log_debug(const std::string& message) { logger().debug("{}", message); }
void log_info(const std::string& message) { logger().info("{}", message); }
void log_warning(const std::string& message) { logger().warn("{}", message); }
void log_error(const std::string& message) { logger().error("{}", message); }

void set_log_level(LogLevel level) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err, spdlog::level::off};
  logger().set_level(kLevels[static_cast<int>(level)]);
}

LogFile::LogFile(const std::filesystem::path& path) : sink_(std::make_shared<Sink>(path)) {
  sink_->set_pattern("%Y-%m-%d %H:%M:%S %L %v");
  sinks()->add_sink(sink_);
}

LogFile::~LogFile() { sinks()->remove_sink(sink_); }

void LogFile::add_error(const std::string& message) {
  sink_->log(spdlog::details::log_msg(logger().name(), spdlog::level::err, message));
}

void flush_logs() { logger().flush(); }

}  // namespace molmo
