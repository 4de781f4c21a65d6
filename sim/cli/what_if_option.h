// `--what-if TEXT` of run, compare and plan.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace plumbline {

/// The option, any number of times; `help` is followed by what it may say.
void add_what_if_option(CLI::App& app, std::vector<std::string>& texts, const std::string& help);

}  // namespace plumbline
