// The parts of `plumbline calibrate` that stand in files of their own.
#pragma once

#include "sim/cli/command.h"

namespace plumbline {

Command calibrate_measure_command(CLI::App& parent);
Command calibrate_box_command(CLI::App& parent);
/// Files of other tools to sample CSVs.
Command calibrate_import_command(CLI::App& parent);

}  // namespace plumbline
