// Results on stdout, which can be a full disk or a reader that has gone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <streambuf>
#include <vector>

namespace molmo {

/// While it lives, what is written to std::cout arrives or throws Error; where its reader has gone the process ends by
/// SIGPIPE, as a filter does. The last words are checked by std::cout.flush().
class CheckedStdout : public std::streambuf {
 public:
  CheckedStdout();
  ~CheckedStdout() override;
  CheckedStdout(const CheckedStdout&) = delete;
  CheckedStdout& operator=(const CheckedStdout&) = delete;

 protected:
  int_type overflow(int_type next) override;
  int sync() override;

 private:
  void write_buffer();

  std::vector<char> buffer_;
  std::streambuf* before_;
};

/// Makes a failed write an error of that write, for the whole process: a file above its limit and a closed connection
/// no longer end it by a signal, and no file opened later takes the place of a standard stream that is closed.
void report_failed_writes();

}  // namespace molmo
