// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/details/log_msg_buffer.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/files.h"
#include "molmo/error.h"

namespace molmo {
namespace {

// Sinks come and go while other threads write.
class Sinks : public spdlog::sinks::dist_sink_mt {
 public:
  // `give` hands on what `old` has; no message falls between the two, and none goes to both.
  void replace(const spdlog::sink_ptr& old, const spdlog::sink_ptr& next, const std::function<void()>& give) {
    const std::lock_guard<std::mutex> lock(mutex_);
    give();
    std::erase(sinks_, old);
    sinks_.push_back(next);
  }
};

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

class LogBacklog::Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<spdlog::details::log_msg_buffer> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(messages_, {});
  }
  static std::shared_ptr<Sink> current;  // the one that waits for a file

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override { messages_.emplace_back(message); }
  void flush_() override {}

 private:
  std::vector<spdlog::details::log_msg_buffer> messages_;
};

std::shared_ptr<LogBacklog::Sink> LogBacklog::Sink::current;

LogBacklog::LogBacklog() : sink_(std::make_shared<Sink>()) {
  Sink::current = sink_;
  sinks()->add_sink(sink_);
}

LogBacklog::~LogBacklog() {
  sinks()->remove_sink(sink_);
  if (Sink::current == sink_) Sink::current.reset();
}

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
  const auto backlog = std::exchange(LogBacklog::Sink::current, nullptr);
  sinks()->replace(backlog, sink_, [&] {
    if (!backlog) return;
    for (const spdlog::details::log_msg_buffer& message : backlog->take()) sink_->log(message);
  });
}

LogFile::~LogFile() { sinks()->remove_sink(sink_); }

void LogFile::add_error(const std::string& message) {
  sink_->log(spdlog::details::log_msg(logger().name(), spdlog::level::err, message));
}

void flush_logs() { logger().flush(); }

}  // namespace molmo
