// How fast graphs are built and executed, in tasks per second.
//
// A task is one forward, backward or transfer with a duration of its own.  Figures of different
// machines cannot be compared; ratios within one run can.

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "pipeline_graph.h"
#include "sim/core/rng.h"
#include "sim/engine/event_loop.h"
#include "sim/engine/execute.h"
#include "sim/engine/static_pass.h"

namespace plumbline {
namespace {

constexpr double kJitter = 0.1;

void pipelines(benchmark::internal::Benchmark* b) {
  b->ArgNames({"stages", "mbs"})->Unit(benchmark::kMillisecond);
  b->Args({8, 64})->Args({64, 512})->Args({512, 512})->Args({1024, 2048});
}

void count_tasks(benchmark::State& state, std::size_t tasks) {
  state.counters["tasks/s"] =
      benchmark::Counter(static_cast<double>(tasks), benchmark::Counter::kIsIterationInvariantRate);
}

TaskGraph graph_of(const benchmark::State& state, Hop hop) {
  return one_f_one_b_graph(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), hop,
                           kJitter);
}

// The walk over the programs and the sort of the edges.
void build(benchmark::State& state) {
  std::size_t tasks = 0;
  for (auto _ : state) {
    const TaskGraph graph = one_f_one_b_graph(static_cast<int>(state.range(0)),
                                              static_cast<int>(state.range(1)), Hop::kDelay, 0.0);
    tasks = graph.num_tasks();
    benchmark::DoNotOptimize(graph.edge_source().data());
  }
  count_tasks(state, tasks);
}
BENCHMARK(build)->Apply(pipelines);

// Into a timeline that is there already, as repeated pricing of one schedule does.
void sweep(benchmark::State& state) {
  const TaskGraph graph = graph_of(state, Hop::kDelay);
  Timeline timeline;
  for (auto _ : state) {
    if (static_pass(graph, timeline)) state.SkipWithError("the sweep met a conflict");
    benchmark::DoNotOptimize(timeline.finish.data());
  }
  count_tasks(state, graph.num_tasks());
}
BENCHMARK(sweep)->Apply(pipelines);

// With the allocation of the timeline.
void execute_by_sweep(benchmark::State& state) {
  const TaskGraph graph = graph_of(state, Hop::kDelay);
  for (auto _ : state) benchmark::DoNotOptimize(execute(graph).timeline.finish.data());
  count_tasks(state, graph.num_tasks());
}
BENCHMARK(execute_by_sweep)->Apply(pipelines);

void loop(benchmark::State& state, Hop hop) {
  const TaskGraph graph = graph_of(state, hop);
  for (auto _ : state) benchmark::DoNotOptimize(event_loop(graph).finish.data());
  count_tasks(state, graph.num_tasks());
}
BENCHMARK_CAPTURE(loop, uncontended, Hop::kDelay)->Apply(pipelines);
BENCHMARK_CAPTURE(loop, hops_queue, Hop::kQueue)->Apply(pipelines);
BENCHMARK_CAPTURE(loop, hops_share_links, Hop::kFlow)->Apply(pipelines);

// With a driver every compute task queues, too: two events per task.
void loop_with_driver(benchmark::State& state) {
  const auto graph = std::make_shared<const TaskGraph>(graph_of(state, Hop::kQueue));
  for (auto _ : state) {
    Driver driver;
    EventLoop loop({}, &driver);
    loop.submit(graph, 0);
    loop.run();
  }
  count_tasks(state, graph->num_tasks());
}
BENCHMARK(loop_with_driver)->Apply(pipelines);

// Many senders, each with a link of its own, into one receiver's link; sizes differ, so the flows
// finish one by one and every finish changes all rates.
void incast(benchmark::State& state) {
  const int senders = static_cast<int>(state.range(0));
  const RandomStream sizes(1, "sizes");
  TaskGraphBuilder builder;
  const LinkId receiver = builder.add_link(50e9);
  for (int s = 0; s < senders; ++s) {
    const LinkId route[] = {builder.add_link(25e9), receiver};
    builder.add_flow(builder.add_route(route), 1'000'000 + std::int64_t(1e6 * sizes.uniform(s)));
  }
  const TaskGraph graph = std::move(builder).build();
  for (auto _ : state) benchmark::DoNotOptimize(event_loop(graph).finish.data());
  count_tasks(state, graph.num_tasks());
}
BENCHMARK(incast)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

// Serving: a graph per engine iteration, one micro-batch through all stages, and as many
// iterations in flight as there are stages.
class Iterations : public Driver {
 public:
  Iterations(int num_stages, int total) : stages_(num_stages), left_(total) {}

  void submit_next(EventLoop& loop, SimTime now) {
    if (left_-- <= 0) return;
    TaskGraphBuilder builder;
    for (int s = 0; s < stages_; ++s) builder.add_resource();
    TaskId before = 0;
    for (int s = 0; s < stages_; ++s) {
      const TaskId task = builder.add_task(s, 1'000'000 + left_ % 7 * 10'000);
      if (s > 0) builder.add_edge(before, task, 50'000);
      before = task;
    }
    loop.submit(std::make_shared<const TaskGraph>(std::move(builder).build()), now);
  }
  void on_finished(RunId, SimTime now, EventLoop& loop) override { submit_next(loop, now); }

 private:
  int stages_;
  int left_;
};

void serving_iterations(benchmark::State& state) {
  const int stages = static_cast<int>(state.range(0));
  constexpr int kTotal = 10'000;
  for (auto _ : state) {
    Iterations driver(stages, kTotal);
    EventLoop loop({}, &driver);
    for (int s = 0; s < stages; ++s) driver.submit_next(loop, 0);
    loop.run();
  }
  state.counters["graphs/s"] =
      benchmark::Counter(kTotal, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(serving_iterations)->Arg(1)->Arg(4)->Arg(16)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace plumbline
