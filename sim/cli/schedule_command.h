// plumbline schedule: one schedule by itself, made by its rule or read from a PyTorch CSV.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "sim/cli/command.h"

namespace plumbline {

/// The command line of `plumbline schedule NAME|FILE.csv`.
struct ScheduleCommandOptions {
  std::string what;  ///< a schedule's name, or a CSV file
  std::optional<int> stages;
  std::optional<int> microbatches;
  std::optional<int> chunks;
  std::string costs;            ///< "F=1,I=1,W=1,comm=0,overlap=2", any part of it
  std::string format = "text";  ///< text, csv, json or svg
  std::optional<int> max_live_activations;
  std::optional<int> search_budget;
  std::optional<int> microbatch_group_size;
  std::optional<double> kept_for_weight_grad;
  bool eager = false;
  bool delay_weight_grad = false;
  TextStyle style;  ///< of the text form
};

/// Declares the options on `app`; they are read into `options`, which must outlive the parsing.
void add_schedule_options(CLI::App& app, ScheduleCommandOptions& options);

/// Prints the schedule to `out`, notes about the input to `err`.
/// @returns the exit code
/// @throws InputError for a name, shape, cost, option or file that cannot be
int run_schedule_command(const ScheduleCommandOptions& options, std::ostream& out,
                         std::ostream& err);

/// The subcommand, for main.cpp.
Command schedule_command(CLI::App& parent);

}  // namespace plumbline
