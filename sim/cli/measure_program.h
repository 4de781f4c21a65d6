// plumbline-measure, the separate program that talks to a GPU: where it is, and running it.
#pragma once

#include <string>
#include <vector>

namespace plumbline {

/// $PLUMBLINE_MEASURE, or the program beside this one.
/// @throws InputError when it is at neither place
std::string find_measure_program();

/// Runs it on this process's terminal and waits. An interrupt goes to it alone, so that it can end
/// in good order.
/// @returns its exit code (77: no GPU); 128 + the signal that ended it
/// @throws InputError when it cannot be started
int run_measure_program(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace plumbline
