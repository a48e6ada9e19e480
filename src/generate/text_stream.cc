// SPDX-License-Identifier: Apache-2.0
#include "generate/text_stream.h"

#include <algorithm>

namespace molmo::generate {
namespace {

// Length of the longest end of `text` that `stop` begins with.
size_t overlap(const std::string& text, const std::string& stop) {
  for (size_t length = std::min(text.size(), stop.size()); length > 0; --length) {
    if (text.compare(text.size() - length, length, stop, 0, length) == 0) return length;
  }
  return 0;
}

}  // namespace

std::string TextStream::take(const std::string& text) {
  if (has_stopped_) return "";
  held_ += text;
  size_t end = std::string::npos, held = 0;
  for (const std::string& stop : stop_) {
    end = std::min(end, held_.find(stop));
    held = std::max(held, overlap(held_, stop));
  }
  has_stopped_ = end != std::string::npos;
  std::string shown = held_.substr(0, has_stopped_ ? end : held_.size() - held);
  held_.erase(0, has_stopped_ ? held_.size() : shown.size());
  return shown;
}

std::string TextStream::finish() {
  std::string rest = take(decoder_.finish());
  if (!has_stopped_) rest += held_;
  held_.clear();
  return rest;
}

}  // namespace molmo::generate
