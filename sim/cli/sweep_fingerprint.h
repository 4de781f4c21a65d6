// What the rows of a sweep follow from, kept beside them: rows of one scenario are never put
// together with those of another.
//
// FILE.sweep stands beside FILE.partial, and beside the CSV of a shard until it is merged.  It
// holds the axes and conditions, the scenario with its --set, and the SHA-256 of every file that is
// named there (models, clusters, GPUs, links, schedules, traces) or in a profile that is:
//
//   plumbline.sweep_fingerprint/1
//   over parallelism.pipeline=2,4
//   where tensor*pipeline <= gpus
//   file models/gpt3_175b.yaml 5f1c...
//   | model: gpt3_175b
//   | ...
#pragma once

#include <string>

#include "sim/cli/sweep_worker.h"

namespace plumbline {

/// The text of FILE.sweep.
/// @throws InputError when the scenario's file is no YAML or --set has no place in it
std::string sweep_fingerprint(const SweepTask& task);

/// "1.csv.sweep"
std::string fingerprint_file(const std::string& csv);

/// Writes the fingerprint beside `csv`, whole or not at all.
/// @throws InputError at `option` when it cannot be written
void write_fingerprint(const std::string& option, const std::string& csv,
                       const std::string& fingerprint);
void remove_fingerprint(const std::string& csv);

/// Refuses rows of another scenario.  Rows without a fingerprint beside them (a whole CSV, a shard
/// that travelled alone) are held against the simulation: `first` and `last` are simulated again.
///
/// @param csv    the file that was asked for, without .partial
/// @param first  a row of the file and the place of its point in the product; `last` likewise
struct KnownRow {
  std::size_t index = 0;
  std::string row;  ///< empty: the file has none
};
/// @throws InputError at `option`, with what differs and how to start anew
void check_same_sweep(const std::string& option, const std::string& csv, const SweepTask& task,
                      const std::string& fingerprint, const KnownRow& first, const KnownRow& last);

}  // namespace plumbline
