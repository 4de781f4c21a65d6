#include "sim/engine/chains.h"

#include <algorithm>

namespace plumbline {

std::vector<bool> chained_resources(const TaskGraph& graph) {
  std::vector<bool> chained(graph.num_resources(), true);
  constexpr TaskId kNone = 0xffffffffu;
  std::vector<TaskId> next(graph.num_resources(), kNone);
  for (TaskId task = static_cast<TaskId>(graph.num_tasks()); task-- > 0;) {
    const ResourceId resource = graph.resource()[task];
    if (resource >= TaskGraph::kFlowBit) continue;
    const auto row = graph.edge_target().subspan(
        graph.first_edge()[task], graph.first_edge()[task + 1] - graph.first_edge()[task]);
    if (next[resource] != kNone && std::find(row.begin(), row.end(), next[resource]) == row.end()) {
      chained[resource] = false;
    }
    next[resource] = task;
  }
  return chained;
}

}  // namespace plumbline
