#include "sim/engine/chains.h"

#include <algorithm>

namespace plumbline {

std::vector<bool> chained_resources(const TaskGraph& graph) {
  std::vector<bool> chained(graph.num_resources(), true);
  constexpr TaskId kNone = 0xffffffffu;
  std::vector<TaskId> last(graph.num_resources(), kNone);
  for (TaskId task = 0; task < graph.num_tasks(); ++task) {
    if (graph.codes()[task] >= TaskGraph::kFlowBit) continue;
    TaskId& before = last[graph.resource(task)];
    if (before != kNone && !graph.follows(task)) {
      const auto row = graph.edge_source().subspan(
          graph.first_edge()[task], graph.first_edge()[task + 1] - graph.first_edge()[task]);
      if (std::find(row.begin(), row.end(), before) == row.end()) {
        chained[graph.resource(task)] = false;
      }
    }
    before = task;
  }
  return chained;
}

}  // namespace plumbline
