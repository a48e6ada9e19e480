// SPDX-License-Identifier: Apache-2.0
#include "cli/explain.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/choices.h"
#include "base/strings.h"
#include "cli/words.h"

namespace molmo::cli {
namespace {

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* subcommand : app.get_subcommands({})) names.push_back(subcommand->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

bool takes_words(const CLI::App& app) {
  const auto options = app.get_options();
  return std::any_of(options.begin(), options.end(),
                     [](const CLI::Option* option) { return option->get_positional(); });
}

// The first word that `app` knows nothing of.
std::string describe_unknown(const CLI::App& app, const std::string& word) {
  if (is_option_word(word)) {
    const std::string name = word.substr(0, word.find('='));
    const std::vector<std::string> names = option_names(app);
    if (!app.get_subcommands().empty() && app.get_parent() == nullptr)
      return fmt::format("unknown option '{}' before the command, expected the command first", name);
    if (!nearest_name(name, names).empty())
      return fmt::format("unknown option '{}'{}", name, did_you_mean(name, names));
    return fmt::format("unknown option '{}'{}", name, takes_words(app) ? ", expected -- before a word like that" : "");
  }
  const std::vector<std::string> commands = subcommand_names(app);
  if (commands.empty()) return fmt::format("unexpected word '{}'", word);
  return fmt::format("unknown command '{}', {}", word, expected_one_of(word, commands));
}

std::string describe_mismatch(const CLI::App& app, const std::string& message) {
  for (const CLI::Option* option : app.get_options()) {
    if (static_cast<int>(option->count()) > option->get_items_expected_max())
      return fmt::format("{}: got {} values, expected one", option->get_name(), option->count());
  }
  return fmt::format("{}: got nothing, expected a value", message.substr(0, message.find(':')));
}

// Chosen subcommands from the program down to the last one.
std::vector<const CLI::App*> chain_of(const CLI::App& root) {
  std::vector<const CLI::App*> chain = {&root};
  while (!chain.back()->get_subcommands().empty()) chain.push_back(chain.back()->get_subcommands().back());
  return chain;
}

bool is_about_words(const CLI::ParseError& error) {
  return dynamic_cast<const CLI::RequiredError*>(&error) != nullptr ||
         dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
}

// Cuts the chain after the command that the error is about: the first with words that it does not know, else the last.
void cut_after_culprit(std::vector<const CLI::App*>& chain, const CLI::ParseError& error) {
  if (!is_about_words(error)) return;
  const auto culprit =
      std::find_if(chain.begin(), chain.end(), [](const CLI::App* app) { return !app->remaining().empty(); });
  if (culprit != chain.end()) chain.erase(culprit + 1, chain.end());
}

std::string describe(const CLI::App& app, const CLI::ParseError& error) {
  if (is_about_words(error)) {
    const std::vector<std::string> unread = app.remaining(), commands = subcommand_names(app);
    if (!unread.empty()) return describe_unknown(app, unmarked(unread.front()));
    if (!commands.empty()) return fmt::format("got no command, expected one of {}", join_text(commands, ", "));
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) return describe_mismatch(app, error.what());
  return error.what();
}

}  // namespace

std::string explain(const CLI::App& root, const CLI::ParseError& error) {
  std::vector<const CLI::App*> chain = chain_of(root);
  cut_after_culprit(chain, error);
  std::vector<std::string> names;
  for (const CLI::App* app : chain) names.push_back(app->get_name());
  const std::string command = join_text(names, " ");
  const std::string where = names.size() > 1 ? command.substr(names.front().size() + 1) : command;
  return without_marks(fmt::format("[{}] {}\nSee '{} --help'.", where, describe(*chain.back(), error), command));
}

}  // namespace molmo::cli
