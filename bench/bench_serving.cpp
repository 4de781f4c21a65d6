// Simulated requests per second of wall time: Llama 3 70B on four pipeline stages of two H100s,
// continuous batching, from prepared prices to percentiles.  The argument is the number of
// requests.

#include <benchmark/benchmark.h>

#include <string>

#include "sim/run/run_serving.h"

namespace plumbline {
namespace {

const std::string kRoot = PLUMBLINE_SOURCE_DIR;

void requests(benchmark::State& state) {
  const Scenario scenario =
      read_scenario(kRoot + "/scenarios/20_serving.yaml",
                    {{"serving.requests.poisson.count", std::to_string(state.range(0))}},
                    {kRoot + "/models", kRoot + "/hardware_profiles"});
  const PreparedServing prepared = prepare_serving(scenario);
  std::int64_t steps = 0;
  for (auto _ : state) steps += run_serving(prepared).serving.steps;
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["steps/s"] =
      benchmark::Counter(static_cast<double>(steps), benchmark::Counter::kIsRate);
}
BENCHMARK(requests)->Arg(10000)->Arg(100000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace plumbline
