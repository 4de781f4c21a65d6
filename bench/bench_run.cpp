// From YAML to result, whole: GPT-3 175B (8 stages, 64 micro-batches) and a trillion parameters (64
// stages, 512 micro-batches), and its parts at the large size and for 262,144 operations of an
// interleaved schedule.  A task is one F, B, I or W or one
// transfer with a duration.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "schedules/catalog.h"
#include "sim/engine/execute.h"
#include "sim/lowering/lower_training.h"
#include "sim/run/prepare.h"
#include "sim/run/session.h"
#include "sim/scenario/scenario_reader.h"

namespace plumbline {
namespace {

const std::string kRoot = PLUMBLINE_SOURCE_DIR;

constexpr const char* kSmall = R"(
name: GPT-3 175B, 8 stages, 64 micro-batches
model: gpt3_175b
cluster: {gpu: a100_sxm_80g, gpus_per_node: 8, nodes: 8, intra_node: nvlink3, inter_node: ib_hdr200}
parallelism: {tensor: 8, pipeline: 8, sequence_parallel: true}
schedule: 1f1b
training: {sequence_length: 2048, micro_batch_size: 1, global_batch_size: 64, recompute: selective}
)";
constexpr const char* kLarge = R"(
name: GPT 1T, 64 stages, 512 micro-batches
model: {base: gpt3_175b, layers: 128, hidden: 25600, heads: 160, kv_heads: 160, head_dim: 160, ffn: 102400}
cluster: {gpu: a100_sxm_80g, gpus_per_node: 8, nodes: 64, intra_node: nvlink3, inter_node: ib_hdr200}
parallelism: {tensor: 8, pipeline: 64, sequence_parallel: true}
schedule: 1f1b
training: {sequence_length: 2048, micro_batch_size: 1, global_batch_size: 512, recompute: selective}
)";

// 262,144 operations: 64 ranks of four chunks.
constexpr const char* kInterleaved = R"(
name: GPT 2T, 64 stages of four chunks, 512 micro-batches
model: {base: gpt3_175b, layers: 256, hidden: 25600, heads: 160, kv_heads: 160, head_dim: 160, ffn: 102400}
cluster: {gpu: a100_sxm_80g, gpus_per_node: 8, nodes: 64, intra_node: nvlink3, inter_node: ib_hdr200}
parallelism: {tensor: 8, pipeline: 64, virtual_stages: 4, sequence_parallel: true}
schedule: interleaved_1f1b
training: {sequence_length: 2048, micro_batch_size: 1, global_batch_size: 512, recompute: selective}
)";

// The scenario's file lives as long as the benchmark.
class ScenarioFile {
 public:
  explicit ScenarioFile(const char* text)
      : path_((std::filesystem::temp_directory_path() / "plumbline_bench.yaml").string()) {
    std::ofstream(path_) << text;
  }
  ~ScenarioFile() { std::remove(path_.c_str()); }
  ScenarioReader reader() const {
    return {path_, {kRoot + "/models", kRoot + "/hardware_profiles"}};
  }
  Scenario read() const {
    return read_scenario(path_, {}, {kRoot + "/models", kRoot + "/hardware_profiles"});
  }

 private:
  std::string path_;
};

void yaml_to_result(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  std::int64_t tasks = 0;
  for (auto _ : state) {
    const Run run = simulate(file.read());
    tasks += run.result.engine.tasks;
    benchmark::DoNotOptimize(run.result.training.iteration_time_s);
  }
  state.SetItemsProcessed(tasks);
}
BENCHMARK_CAPTURE(yaml_to_result, gpt3_175b_8x64, kSmall)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(yaml_to_result, gpt_1t_64x512, kLarge)->Unit(benchmark::kMillisecond);

void scenario_to_result(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  const Scenario scenario = file.read();
  std::int64_t tasks = 0;
  for (auto _ : state) tasks += simulate(scenario).result.engine.tasks;
  state.SetItemsProcessed(tasks);
}
BENCHMARK_CAPTURE(scenario_to_result, gpt3_175b_8x64, kSmall)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scenario_to_result, gpt_1t_64x512, kLarge)->Unit(benchmark::kMillisecond);

// Points of a sweep, from their settings to results: every one has other prices (a sequence length
// of its own), and is simulated.
void sweep_point(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  ScenarioReader reader = file.reader();
  SimulationSession session;
  std::int64_t tasks = 0;
  int length = 1024;
  for (auto _ : state) {
    length = length == 9216 ? 1024 : length + 8;
    const Run run =
        session.simulate(reader.read({{"training.sequence_length", std::to_string(length)}}));
    tasks += run.result.engine.tasks;
  }
  state.SetItemsProcessed(tasks);
  state.counters["points"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(sweep_point, gpt3_175b_8x64, kSmall)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(sweep_point, gpt_1t_64x512, kLarge)->Unit(benchmark::kMillisecond);

// The parts of a point.
void read_point(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  ScenarioReader reader = file.reader();
  int length = 1024;
  for (auto _ : state) {
    length = length == 9216 ? 1024 : length + 8;
    benchmark::DoNotOptimize(
        reader.read({{"training.sequence_length", std::to_string(length)}}).seed);
  }
}
BENCHMARK_CAPTURE(read_point, gpt3_175b_8x64, kSmall)->Unit(benchmark::kMillisecond);

void prepare_only(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  const Scenario scenario = file.read();
  for (auto _ : state) benchmark::DoNotOptimize(prepare(scenario).costs.stages.size());
}
BENCHMARK_CAPTURE(prepare_only, gpt_1t_64x512, kLarge)->Unit(benchmark::kMillisecond);

void lower_only(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  const Prepared prepared = prepare(file.read());
  LoweringOptions options;
  options.fold_transfers = true;
  std::int64_t tasks = 0;
  for (auto _ : state) {
    const LoweredStep step = lower_training(*prepared.schedule, prepared.costs, options);
    tasks += static_cast<std::int64_t>(step.graph.num_tasks());
  }
  state.SetItemsProcessed(tasks);
}
BENCHMARK_CAPTURE(lower_only, gpt_1t_64x512, kLarge)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lower_only, interleaved_64x4x512, kInterleaved)->Unit(benchmark::kMillisecond);

// Of a schedule whose operations have prices: its order, its tasks, their times.  Transfers that
// take their sender's time are tasks of their own, posted ones are not.
void schedule_to_result(benchmark::State& state, const char* text, bool blocking) {
  const ScenarioFile file(text);
  Prepared prepared = prepare(file.read());
  prepared.costs.blocking_hops = blocking;
  const Schedule& known = *prepared.schedule;
  LoweringOptions options;
  options.fold_transfers = true;
  std::int64_t tasks = 0;
  for (auto _ : state) {
    const Schedule schedule = generate_schedule(known.name, known.shape);
    const LoweredStep step = lower_training(schedule, prepared.costs, options);
    benchmark::DoNotOptimize(execute(step.graph).timeline.finish.back());
    tasks += static_cast<std::int64_t>(step.graph.num_tasks());
  }
  state.SetItemsProcessed(tasks);
}
BENCHMARK_CAPTURE(schedule_to_result, interleaved_64x4x512_posted, kInterleaved, false)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(schedule_to_result, interleaved_64x4x512_blocking, kInterleaved, true)
    ->Unit(benchmark::kMillisecond);

void generate_only(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  const Scenario scenario = file.read();
  const Prepared prepared = prepare(scenario);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        generate_schedule(prepared.schedule->name, prepared.schedule->shape).ranks.size());
  }
}
BENCHMARK_CAPTURE(generate_only, interleaved_64x4x512, kInterleaved)->Unit(benchmark::kMillisecond);

void execute_only(benchmark::State& state, const char* text) {
  const ScenarioFile file(text);
  const Prepared prepared = prepare(file.read());
  const LoweredStep step = lower_training(*prepared.schedule, prepared.costs);
  for (auto _ : state) benchmark::DoNotOptimize(execute(step.graph).timeline.finish.back());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * step.graph.num_tasks()));
}
BENCHMARK_CAPTURE(execute_only, gpt_1t_64x512, kLarge)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(execute_only, interleaved_64x4x512, kInterleaved)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace plumbline

// As the program does: freed memory is kept for the next simulation.
int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
