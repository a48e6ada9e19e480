// Declares a subcommand's options and what it runs. CLI11 stays in two .cc files, because each one that includes it
// compiles for ten seconds. The help shows defaults where there are any.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace molmo::cli {

/// What the chosen subcommand does after parsing, given the whole command line; returns the exit code.
using Action = std::function<int(int argc, char** argv)>;

/// A flag, option or positional argument, and the rules that a command line must keep about it.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& required();
  Option& within(int64_t least, int64_t most);
  Option& between(double least, double most);
  Option& one_of(std::vector<std::string> words);
  Option& needs(const Option& other);
  Option& excludes(const Option& other);
  /// The option is repeated for every value, so that the words after a value are positional again.
  Option& one_value_each();
  bool is_given() const;

 private:
  CLI::Option* option_;
};

/// A subcommand while its options are registered.
class Command {
 public:
  Command(CLI::App& app, Action& action) : app_(&app), action_(&action) {}

  /// A subcommand of this one, one of which a command line must choose.
  Command subcommand(const std::string& name, const std::string& description);

  /// "--name" or, without dashes, a positional argument. T: std::string, std::filesystem::path, int, int64_t,
  /// uint32_t, uint64_t, double, and the lists and optionals of them that command.cc names.
  template <class T>
  Option option(const std::string& name, T& value, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);

  /// Text after the options in the help.
  void footer(const std::string& text);

  /// At least one of `options` must be given; `names` says so in the error. Comes before runs().
  void require_any(const std::string& names, const std::vector<Option>& options);

  /// What it does. `options` are what its options write to; they live as long as the command line.
  template <class Options>
  void runs(const std::shared_ptr<Options>& options, void (*function)(const Options&)) {
    acts([options, function](int, char**) { return function(*options), 0; });
  }
  /// The same with an exit code of its own and the command line as it was.
  void acts(Action action);

  /// Leaves everything after its name unread, --help included.
  void take_nothing();

 private:
  CLI::App* app_;
  Action* action_;
  std::function<void()> check_;  // throws what parsing throws; may be empty
};

/// The whole program: its subcommands hang on root().
class CommandLine {
 public:
  CommandLine(const std::string& description, const std::string& version);
  ~CommandLine();
  Command root();

  /// The action of the chosen subcommand; none where help was asked for, which is printed and sets `exit_code`. Throws
  /// Error for a wrong command line, with the command's name as [where].
  Action parse(int argc, char** argv, int& exit_code);

 private:
  std::unique_ptr<CLI::App> app_;
  Action action_;
};

}  // namespace molmo::cli
