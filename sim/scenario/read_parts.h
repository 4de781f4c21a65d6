// The blocks of a scenario, read one by one.
#pragma once

#include "sim/scenario/key_reader.h"
#include "sim/scenario/scenario.h"

namespace plumbline {

/// How the location of a value that `--set` stated begins.
inline constexpr std::string_view kCommandLine = "--set ";

/// The folder that a path written at `node` is relative to: its file's, or the working directory
/// where the command line stated it.
std::string base_folder(const YamlNode& node);
/// `path` as the process can open it.
std::string resolved_path(const YamlNode& node, const std::string& path);

Cluster read_scenario_cluster(const KeyReader& keys, const DataFolders& folders,
                              Diagnostics& problems, std::vector<std::string>& assumptions);
ScheduleRequest read_schedule_request(const KeyReader& keys);
/// Needs the schedule: its placement may imply the number of virtual stages.
ParallelOptions read_parallelism(const KeyReader& keys, const ScheduleRequest& schedule);
LayerSplitOptions read_layer_split(const KeyReader& keys, const ParallelOptions& parallelism);
/// @param gpu  the GPU's name, whose generation decides the default software
TrainingOptions read_training(const KeyReader& keys, const std::string& gpu);
/// The groups of a serving run; what only training has is refused.
ParallelOptions read_serving_parallelism(const KeyReader& keys);
ServingOptions read_serving(const KeyReader& keys, const ParallelOptions& parallelism);
std::optional<Measured> read_measured(const KeyReader& keys);

}  // namespace plumbline
