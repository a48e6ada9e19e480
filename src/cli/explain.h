// What is wrong with a command line, in the words of every other error.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace molmo::cli {

/// "[molmo] unknown command 'genrate', expected one of generate, ... (did you mean 'generate'?)", "[generate]
/// --temperature: got 'hot', expected a number from 0 to 100", and where to find the command's help. `root` is the
/// program as `error` left it: a misspelt name comes before what is missing because of it.
std::string explain(const CLI::App& root, const CLI::ParseError& error);

}  // namespace molmo::cli
