// What a scenario file says, read, checked and resolved: names have become models and clusters.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/model_spec.h"
#include "sim/cluster/device.h"
#include "sim/core/diagnostic.h"
#include "sim/plan/parallel_plan.h"
#include "sim/plan/serving_options.h"
#include "sim/plan/training_options.h"

namespace plumbline {

/// `schedule:` as written: a name with options, or a CSV.
struct ScheduleRequest {
  std::string name = "1f1b";
  std::optional<std::string> csv_path;
  std::optional<int> max_live_activations;
  std::optional<int> microbatch_group_size;
  std::optional<double> kept_for_weight_grad;
  bool eager = false;
  bool delay_weight_grad = false;
  std::map<std::string, std::string> options;  ///< any further option, checked by the catalogue
};

/// `measured:` as written; rates are turned into a time by `measured_iteration_time`.
/// A latency of a serving run over its requests, seconds: what of it was printed.
struct MeasuredLatency {
  std::optional<double> mean, p50, p90, p99;
};

struct Measured {
  std::optional<double> iteration_time_s, tokens_per_s, tokens_per_s_per_gpu, samples_per_s,
      model_tflops_per_gpu, mfu, bubble_fraction;
  MeasuredLatency ttft_s, tpot_s, e2e_s;  ///< serving
  std::string requests, cases;  ///< serving: paths of CSVs, a row per request or per closed loop
  std::optional<double> peak_memory_gib, peak_reserved_gib;
  std::vector<double> peak_memory_gib_by_rank, peak_reserved_gib_by_rank;
  std::string flops = "full_attention";
  bool gate = true;
  std::string source;
  std::string notes;
};

struct Scenario {
  std::string file;
  std::string name;
  ModelSpec model;
  Cluster cluster;
  ParallelOptions parallelism;
  LayerSplitOptions layer_split;
  ScheduleRequest schedule;
  TrainingOptions training;               ///< meaningless where `serving` is there
  std::optional<ServingOptions> serving;  ///< a scenario trains or serves
  std::optional<Measured> measured;
  std::uint64_t seed = 1;
  std::optional<double> usd_per_gpu_hour;
  std::vector<std::string> assumptions;             ///< defaults that the scenario did not state
  std::map<std::string, SourceLocation> locations;  ///< by path, for late diagnostics
};

/// Where models/, hardware_profiles/ and schedules are found.
struct DataFolders {
  std::string models;
  std::string hardware_profiles;
};

/// `--set parallelism.pipeline=16`: path and YAML value.
using Override = std::pair<std::string, std::string>;

/// Reads a scenario.
/// @throws InputError with every problem of the file at once
Scenario read_scenario(const std::string& path, const std::vector<Override>& overrides,
                       const DataFolders& folders);

/// The same problems with the places in the scenario's file that their paths name; a path that the
/// file does not state gets the place of the nearest block above it.
InputError locate(const InputError& error, const Scenario& scenario);

}  // namespace plumbline
