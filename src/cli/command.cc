// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <iterator>

#include "base/choices.h"
#include "cli/explain.h"
#include "cli/words.h"
#include "molmo/error.h"

namespace molmo::cli {
namespace {

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

template <class T>
constexpr const char* number_kind() {
  if (std::is_floating_point_v<T>) return "a number";
  return std::is_unsigned_v<T> ? "an integer from 0 on" : "an integer";
}

// What is wrong with a number between two others, or nothing.
template <class T>
auto range_check(T least, T most) {
  return [least, most](const std::string& word) -> std::string {
    const std::string text = unmarked(word);
    const auto value = parse_number<T>(text);
    if (value && *value >= least && *value <= most) return "";
    return fmt::format("got '{}', expected {} from {} to {}", text, number_kind<T>(), least, most);
  };
}

// How a variable takes the words of its option, shows itself as a default, and is called in the help.
template <class T>
struct Variable {
  static constexpr bool kIsList = false;
  static constexpr const char* kType = std::is_floating_point_v<T> ? "NUMBER" : "INT";
  static void read(T& variable, const std::vector<std::string>& words) {
    const std::string text = unmarked(words.back());
    const auto value = parse_number<T>(text);
    if (!value) throw Error(fmt::format("got '{}', expected {}", text, number_kind<T>()));
    variable = *value;
  }
  static std::string show(const T& variable) { return fmt::format("{}", variable); }
};

template <>
struct Variable<std::string> {
  static constexpr bool kIsList = false;
  static constexpr const char* kType = "TEXT";
  static void read(std::string& variable, const std::vector<std::string>& words) { variable = unmarked(words.back()); }
  static std::string show(const std::string& variable) { return variable; }
};

template <>
struct Variable<std::filesystem::path> {
  static constexpr bool kIsList = false;
  static constexpr const char* kType = "PATH";
  static void read(std::filesystem::path& variable, const std::vector<std::string>& words) {
    variable = unmarked(words.back());
  }
  static std::string show(const std::filesystem::path& variable) { return variable.string(); }
};

template <class T>
struct Variable<std::optional<T>> {
  static constexpr bool kIsList = false;
  static constexpr const char* kType = Variable<T>::kType;
  static void read(std::optional<T>& variable, const std::vector<std::string>& words) {
    Variable<T>::read(variable.emplace(), words);
  }
  static std::string show(const std::optional<T>&) { return ""; }
};

template <class T>
struct Variable<std::vector<T>> {
  static constexpr bool kIsList = true;
  static constexpr const char* kType = Variable<T>::kType;
  static void read(std::vector<T>& variable, const std::vector<std::string>& words) {
    variable.clear();
    std::transform(words.begin(), words.end(), std::back_inserter(variable), unmarked);
  }
  static std::string show(const std::vector<T>&) { return ""; }
};

}  // namespace

Option& Option::required() { return option_->required(), *this; }
Option& Option::within(int64_t least, int64_t most) { return option_->check(range_check(least, most), ""), *this; }
Option& Option::between(double least, double most) { return option_->check(range_check(least, most), ""), *this; }
Option& Option::one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& word) -> std::string {
    const std::string text = unmarked(word);
    if (std::find(words.begin(), words.end(), text) != words.end()) return "";
    return fmt::format("got '{}', {}", text, expected_one_of(text, words));
  };
  return option_->check(check, ""), *this;
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
  const auto read = [name, &value](const CLI::results_t& words) {
    try {
      Variable<T>::read(value, words);
    } catch (const Error& error) {
      throw CLI::ValidationError(name.substr(name.find(',') + 1), error.what());
    }
    return true;
  };
  CLI::Option* option =
      app_->add_option(name, read, help, /*defaulted=*/false, [&value] { return Variable<T>::show(value); });
  option->type_name(Variable<T>::kType);
  if (Variable<T>::kIsList) option->expected(CLI::detail::expected_max_vector_size);
  if (!Variable<T>::show(value).empty()) option->capture_default_str();
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

void Command::footer(const std::string& text) { app_->footer(text); }

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
  app_->set_help_flag("-h,--help", "print this help and exit");
  app_->set_version_flag("--version", "molmo " + version, "print the version and exit");
  app_->get_formatter()->column_width(34);
}
CommandLine::~CommandLine() = default;

Command CommandLine::root() { return {*app_, action_}; }

Action CommandLine::parse(int argc, char** argv, int& exit_code) {
  try {
    std::vector<std::string> words = mark_values(argc, argv);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app_->parse(std::move(words));
  } catch (const CLI::Success& help) {  // or the version
    exit_code = app_->exit(help);
    return {};
  } catch (const CLI::ParseError& error) {
    throw Error(explain(*app_, error));
  }
  return action_;
}

}  // namespace molmo::cli
