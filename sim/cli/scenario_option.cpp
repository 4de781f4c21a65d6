#include "sim/cli/scenario_option.h"

#include <utility>

namespace plumbline {

void Settings::add_to(CLI::App& app) {
  app.add_option("--set", words_,
                 "Overrides a key of the scenario, e.g. parallelism.pipeline=16; the value is YAML")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
}

std::vector<Override> Settings::overrides() const {
  std::vector<Override> list;
  std::vector<Diagnostic> problems;
  for (const std::string& word : words_) {
    list.push_back(split_assignment("--set", word));
    // YAML reads it as null, which would leave the key to its default.
    if (list.back().second.find_first_not_of(" \t") == std::string::npos) {
      problems.push_back(option_problem("--set", list.back().first + " has no value",
                                        "null, spelled out, takes the key away"));
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return list;
}

Override split_assignment(const std::string& option, const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError({option_problem(option, "'" + word + "' is not PATH=VALUE",
                                     "for example " + option + " parallelism.pipeline=16")});
  }
  return {word.substr(0, equals), word.substr(equals + 1)};
}

Diagnostic option_problem(const std::string& option, const std::string& problem,
                          const std::string& hint) {
  return diagnose(option, problem, hint);
}

}  // namespace plumbline
