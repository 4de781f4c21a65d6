#include "sim/cli/command_line.h"

#include <algorithm>

#include "sim/cli/scenario_option.h"

namespace plumbline {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

[[noreturn]] void refuse(std::string problem, std::string hint) {
  throw InputError({option_problem("command line", std::move(problem), std::move(hint))});
}

/// Moves the command in front of the options that stand before it.
void command_first(const CLI::App& app, std::vector<std::string>& words) {
  const std::vector<std::string> names = command_names(app);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "--version") return;
  const auto is_command = [&](const std::string& word) {
    return std::ranges::find(names, word) != names.end();
  };
  const auto first =
      words[0].starts_with('-') ? std::ranges::find_if(words, is_command) : words.begin();
  if (first == words.end()) refuse("names no command", "plumbline --help lists them");
  if (!is_command(*first)) {
    const std::string_view best = nearest(*first, std::span<const std::string>(names));
    refuse(
        "no command is called '" + *first + "'",
        best.empty() ? "plumbline --help lists them" : "did you mean '" + std::string(best) + "'?");
  }
  std::rotate(words.begin(), first, first + 1);
}

std::string hint_for(const CLI::App& command, const std::vector<std::string>& unexpected) {
  const std::vector<std::string> names = option_names(command);
  for (const std::string& word : unexpected) {
    if (!word.starts_with("-")) continue;
    const std::string_view best =
        nearest(word.substr(0, word.find('=')), std::span<const std::string>(names));
    if (!best.empty()) return "did you mean '" + std::string(best) + "'?";
  }
  return "plumbline " + command.get_name() + " --help lists the options";
}

}  // namespace

void parse_command_line(CLI::App& app, std::vector<std::string> words) {
  command_first(app, words);
  const CLI::App* command = nullptr;
  for (const CLI::App* each : app.get_subcommands({})) {
    if (!words.empty() && each->get_name() == words[0]) command = each;
  }
  try {
    std::ranges::reverse(words);  // what CLI11 wants of a vector
    app.parse(words);
  } catch (const CLI::Success&) {
    throw;
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> unexpected = command ? command->remaining() : app.remaining();
    std::string list;
    for (const std::string& word : unexpected) list += (list.empty() ? "'" : ", '") + word + "'";
    refuse(list + (unexpected.size() == 1 ? " was" : " were") + " not expected",
           hint_for(command ? *command : app, unexpected));
  } catch (const CLI::ParseError& error) {
    if (command == nullptr) refuse("names no command", "plumbline --help lists them");
    refuse(error.what(), hint_for(*command, {}));
  }
}

}  // namespace plumbline
