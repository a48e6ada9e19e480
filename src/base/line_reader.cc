// SPDX-License-Identifier: Apache-2.0
#include "base/line_reader.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "molmo/error.h"

namespace molmo {

std::optional<std::string> LineReader::next() {
  while (!has_answer()) read_more();
  if (begin_ == buffer_.size()) return std::nullopt;
  const size_t end = std::min(buffer_.find('\n', begin_), buffer_.size());
  std::string line = buffer_.substr(begin_, end - begin_);
  begin_ = std::min(end + 1, buffer_.size());
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

bool LineReader::is_ready() {
  while (!has_answer()) {
    pollfd source{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (::poll(&source, 1, 0) <= 0) return false;
    read_more();
  }
  return true;
}

void LineReader::read_more() {
  constexpr size_t kPiece = 64 << 10;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t before = buffer_.size();
  buffer_.resize(before + kPiece);
  const ssize_t count = ::read(descriptor_, buffer_.data() + before, kPiece);
  const int error = errno;
  buffer_.resize(before + static_cast<size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0 && error != EINTR) throw Error(fmt::format("[file] cannot read {}: {}", where_, std::strerror(error)));
  if (count == 0) has_ended_ = true;
}

}  // namespace molmo
