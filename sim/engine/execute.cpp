#include "sim/engine/execute.h"

#include <stdexcept>

#include "sim/engine/static_pass.h"

namespace plumbline {

Execution execute(const TaskGraph& graph) {
  Execution execution;
  if (const auto conflict = static_pass(graph, execution.timeline)) {
    throw std::logic_error("the graph needs the event loop: " + to_string(*conflict));
  }
  execution.executor = Executor::kStaticPass;
  execution.reason = "every resource serves its tasks in a fixed order and no two flows meet";
  return execution;
}

}  // namespace plumbline
