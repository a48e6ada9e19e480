// What `molmo generate` is asked: words of the command line, lines of a file, or JSON lines, as requests in order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/line_reader.h"

namespace molmo::commands {

/// A picture or a prompt of this name comes from standard input.
inline constexpr const char* kStandardInput = "-";

/// One prompt and its pictures, in order; none: text only.
struct Request {
  std::vector<std::string> images;  ///< paths, or kStandardInput
  std::string prompt;
  std::string style = "";
  std::string id = "";  ///< of a request, a JSON value to be given back with the answer; empty: none
};

/// The part of the command line that says what is asked.
struct RequestOptions {
  std::vector<std::string> images;  ///< of --image
  std::vector<std::string> words;   ///< the rest: prompts, and pictures after the first of an --image
  size_t num_plain_words = 0;       ///< how many of them, at the end, came after "--": prompts whatever they look like
  std::string prompts_file, requests_file;
  std::string combine;  ///< "pairs", "cross", "together", or empty: by the numbers of pictures and prompts
  std::string style;
};

/// Hands out requests in order, a batch at a time.
class RequestQueue {
 public:
  /// Error for what cannot be asked: a picture that is missing, a URL, no prompt, a request that is none. All but the
  /// lines of standard input are looked at here. Logs how several pictures and several prompts are combined where
  /// `combine` does not say.
  explicit RequestQueue(const RequestOptions& options);

  /// The next requests, at most `most`; none: that was all. Of standard input those that have arrived, at least one.
  std::vector<Request> next(size_t most);

  /// Whether there is, or may be, more than one.
  bool are_several() const { return stream_ || requests_.size() > 1; }
  bool have_pictures() const;

 private:
  std::optional<Request> next_of_stream();

  std::vector<Request> requests_;
  size_t num_given_ = 0;
  std::optional<LineReader> stream_;
  size_t line_number_ = 0;
  std::string style_;
};

}  // namespace molmo::commands
