// A counting sort of the edges by their source.

#include "sim/engine/successors.h"

#include <cstddef>

#include "sim/core/large_vector.h"

namespace plumbline {

// Each row's begin, at first[t + 1] while the edges are placed, serves as the cursor of its row and
// ends as the begin of the next one: exactly the array wanted, so no second one is needed.
Successors successors(const TaskGraph& graph) {
  Successors rows;
  const std::size_t num_tasks = graph.num_tasks();
  reserve_large(rows.first, num_tasks + 2);
  rows.first.assign(num_tasks + 2, 0);
  for_each_edge(graph, [&](TaskId from, TaskId, SimTime) { ++rows.first[from + 2]; });
  for (std::size_t t = 2; t < num_tasks + 2; ++t) rows.first[t] += rows.first[t - 1];
  const std::size_t num_edges = rows.first.back();
  reserve_large(rows.target, num_edges);
  rows.target.resize(num_edges);
  if (graph.has_edge_delays()) {
    reserve_large(rows.delay, num_edges);
    rows.delay.resize(num_edges);
  }
  std::uint32_t* cursor = rows.first.data() + 1;
  for_each_edge(graph, [&](TaskId from, TaskId to, SimTime delay) {
    const std::uint32_t place = cursor[from]++;
    rows.target[place] = to;
    if (!rows.delay.empty()) rows.delay[place] = delay;
  });
  rows.first.pop_back();
  return rows;
}

}  // namespace plumbline
