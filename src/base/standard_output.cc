// SPDX-License-Identifier: Apache-2.0
#include "base/standard_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <string_view>

#include "molmo/error.h"

namespace molmo {
namespace {

constexpr size_t kBufferBytes = 8192;

void write_stdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EPIPE) {
      std::signal(SIGPIPE, SIG_DFL);
      std::raise(SIGPIPE);
    } else if (errno != EINTR) {
      throw Error(fmt::format("[stdout] cannot write: {}", std::strerror(errno)));
    }
  }
}

}  // namespace

CheckedStdout::CheckedStdout() : buffer_(kBufferBytes) {
  std::cout.flush();
  before_ = std::cout.rdbuf(this);
  std::cout.exceptions(std::ios::badbit);  // lets the Error of a write through
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

CheckedStdout::~CheckedStdout() {
  std::cout.exceptions(std::ios::goodbit);
  std::cout.flush();
  std::cout.rdbuf(before_);
}

void CheckedStdout::write_buffer() {
  const std::string_view text(pbase(), static_cast<size_t>(pptr() - pbase()));
  setp(buffer_.data(), buffer_.data() + buffer_.size());  // what cannot be written is not tried again
  write_stdout(text);
}

CheckedStdout::int_type CheckedStdout::overflow(int_type next) {
  write_buffer();
  if (!traits_type::eq_int_type(next, traits_type::eof())) sputc(traits_type::to_char_type(next));
  return traits_type::not_eof(next);
}

int CheckedStdout::sync() { return write_buffer(), 0; }

void report_failed_writes() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The wrong way round, so that its use fails as it would have.
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace molmo
