// Parses the command line and tells mistakes the way wrong scenarios are told.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace plumbline {

/// Options may stand before the command too.
/// @throws InputError for a mistake, with the nearest command or option
/// @throws CLI::Success for --help and --version
void parse_command_line(CLI::App& app, std::vector<std::string> words);

}  // namespace plumbline
