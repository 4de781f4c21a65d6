// The answer of a run, as values; reports only format it.  Names follow the JSON of a run.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine/timeline.h"
#include "sim/lowering/lower_training.h"
#include "sim/memory/memory_model.h"

namespace plumbline {

/// Exposed seconds, mean over pipeline ranks; the parts sum to the iteration time.
struct Breakdown {
  double compute = 0, recompute = 0, tensor_comm = 0, context_comm = 0, pipeline_comm = 0,
         data_comm = 0, expert_comm = 0, bubble = 0, host = 0, optimizer = 0;
};

/// Why a rank idles inside the compute phase; the parts sum to its idle time (see idle_causes).
struct IdleCauses {
  double warm_up = 0;        ///< before its first operation, less the hop into it
  double drain = 0;          ///< after its last operation
  double imbalance = 0;      ///< waits for producers, as far as the busiest rank works longer
  double dependency = 0;     ///< the other waits for producers: another order might avoid them
  double forward_comm = 0;   ///< an activation was on its way
  double backward_comm = 0;  ///< a gradient was on its way
  double slow_link = 0;      ///< of exposed hops, what they take beyond the median hop
  double host_copies = 0;    ///< offloaded activations were on their way back
};

struct MemoryPoint {
  double time_s = 0;
  double bytes = 0;
};

struct RankResult {
  int pipeline_rank = 0;
  std::vector<StageLayers> stage_layers;  ///< of each chunk
  std::vector<int> stage_ids;
  double busy_s = 0, idle_s = 0, span_s = 0;
  IdleCauses idle_by_cause;
  MemoryBreakdown peak;  ///< at the moment of the rank's peak
  double peak_time_s = 0;
  std::string peak_operation;  ///< "0B0"
  int peak_live_activations = 0;
  /// Of an asynchronous schedule: versions of the weights kept, and updates between a forward and
  /// the update with its gradient.
  std::optional<int> weight_versions, weight_staleness;
  std::vector<MemoryPoint> memory_over_time;  ///< filled when a trace is asked for
};

struct CriticalStep {
  std::string what;  ///< "F on rank 3", "transfer 3 -> 4", ...
  double seconds = 0;
  int tasks = 0;
};

/// The critical path by what its time was priced by, in seconds; the parts sum to the iteration
/// time. An operation that waits for the host counts as the host's.
struct PathComposition {
  double products = 0, attention = 0, memory = 0, intra_node = 0, inter_node = 0, host = 0;
};

struct Sensitivity {
  std::string what;  ///< "GEMM 10 % faster"
  double iteration_time_s = 0;
  double saved_fraction = 0;
};

struct TrainingResult {
  double iteration_time_s = 0, samples_per_s = 0, tokens_per_s = 0, tokens_per_s_per_gpu = 0;
  double model_tflops_per_gpu = 0, hardware_tflops_per_gpu = 0, mfu = 0, hfu = 0;
  double bubble_fraction = 0, bubble_overhead = 0, span_idle_fraction = 0, lower_bound_s = 0;
  double compute_phase_s = 0;
  /// Low and high end of the iteration time under the calibration's error; nullopt: not computed.
  std::optional<std::array<double, 2>> iteration_time_interval_s;
  Breakdown breakdown;
  double peak_memory_bytes = 0, usable_memory_bytes = 0;
  std::vector<RankResult> ranks;
  std::vector<CriticalStep> critical_path;  ///< summed by what, longest first
  PathComposition path;
  std::vector<Sensitivity> sensitivities;  ///< empty unless asked for
};

struct OutsideCalibration {
  double share_of_time = 0;
  std::vector<std::string> operations;
};

/// What training costs, by the GPUs' time and, where the scenario states a price, in money.
struct CostResult {
  double gpu_hours_per_million_tokens = 0;
  std::optional<double> usd_per_iteration, usd_per_million_tokens;
};

struct EngineResult {
  std::int64_t tasks = 0;
  std::string executor;
  std::string reason;
  double wall_s = 0;
};

struct Result {
  std::string scenario;
  bool fits = true;
  std::vector<std::string> assumptions;
  OutsideCalibration outside_calibration;
  TrainingResult training;
  CostResult cost;
  EngineResult engine;
};

}  // namespace plumbline
