// The options that every command with a scenario shares.
#pragma once

#include <string>
#include <vector>

#include "sim/cli/command.h"

namespace plumbline {

/// `--set PATH=VALUE`, any number of times.
class Settings {
 public:
  void add_to(CLI::App& app);
  /// @throws InputError for a word without '=' or without a value
  std::vector<Override> overrides() const;

 private:
  std::vector<std::string> words_;
};

/// "a.b=c" as path and value.
/// @throws InputError, told at `option`, when there is no '=' or no path
Override split_assignment(const std::string& option, const std::string& word);

/// A problem with the command line itself: "--over: ...".
Diagnostic option_problem(const std::string& option, const std::string& problem,
                          const std::string& hint = {});

}  // namespace plumbline
