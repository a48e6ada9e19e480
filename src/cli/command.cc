// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "molmo/error.h"

namespace molmo::cli {

Option& Option::required() { return option_->required(), *this; }
Option& Option::within(int64_t least, int64_t most) { return option_->check(CLI::Range(least, most)), *this; }
Option& Option::between(double least, double most) { return option_->check(CLI::Range(least, most)), *this; }
Option& Option::one_of(std::vector<std::string> words) {
  return option_->check(CLI::IsMember(std::move(words))), *this;
}
Option& Option::needs(const Option& other) { return option_->needs(other.option_), *this; }
Option& Option::excludes(const Option& other) { return option_->excludes(other.option_), *this; }
Option& Option::one_value_each() { return option_->allow_extra_args(false), *this; }
bool Option::is_given() const { return option_->count() > 0; }

Command Command::subcommand(const std::string& name, const std::string& description) {
  app_->require_subcommand(1);
  return {*app_->add_subcommand(name, description), *action_};
}

template <class T>
Option Command::option(const std::string& name, T& value, const std::string& help) {
  CLI::Option* option = app_->add_option(name, value, help);
  if constexpr (std::is_arithmetic_v<T>) {
    option->capture_default_str();
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::filesystem::path>) {
    if (!value.empty()) option->capture_default_str();
  }
  return Option(option);
}

template Option Command::option(const std::string&, std::string&, const std::string&);
template Option Command::option(const std::string&, std::filesystem::path&, const std::string&);
template Option Command::option(const std::string&, int&, const std::string&);
template Option Command::option(const std::string&, int64_t&, const std::string&);
template Option Command::option(const std::string&, uint32_t&, const std::string&);
template Option Command::option(const std::string&, uint64_t&, const std::string&);
template Option Command::option(const std::string&, double&, const std::string&);
template Option Command::option(const std::string&, std::optional<int64_t>&, const std::string&);
template Option Command::option(const std::string&, std::optional<double>&, const std::string&);
template Option Command::option(const std::string&, std::vector<std::string>&, const std::string&);
template Option Command::option(const std::string&, std::vector<std::filesystem::path>&, const std::string&);

Option Command::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(app_->add_flag(name, value, help));
}

void Command::require_any(const std::string& names, const std::vector<Option>& options) {
  check_ = [names, options] {
    const auto is_given = [](const Option& option) { return option.is_given(); };
    if (std::none_of(options.begin(), options.end(), is_given)) throw CLI::RequiredError(names);
  };
}

void Command::acts(Action action) {
  app_->callback([chosen = action_, check = check_, action = std::move(action)] {
    if (check) check();
    *chosen = action;
  });
}

void Command::take_nothing() {
  app_->set_help_flag();
  app_->prefix_command();
}

CommandLine::CommandLine(const std::string& description, const std::string& version)
    : app_(std::make_unique<CLI::App>(description, "molmo")) {
  app_->set_version_flag("--version", "molmo " + version);
  app_->get_formatter()->column_width(34);
}
CommandLine::~CommandLine() = default;

Command CommandLine::root() { return {*app_, action_}; }

Action CommandLine::parse(int argc, char** argv, int& exit_code) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has its own exit codes; every wrong flag is a user error here.
    exit_code = static_cast<int>(app_->exit(error) == 0 ? ExitCode::kDone : ExitCode::kUserError);
    return {};
  }
  return action_;
}

}  // namespace molmo::cli
