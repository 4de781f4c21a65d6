// The task graph and its labels, grown together so that they cannot go out of step.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "sim/core/sim_time.h"
#include "sim/engine/task_graph.h"
#include "sim/lowering/lower_training.h"

namespace plumbline {

class StepBuilder {
 public:
  void reserve(std::size_t tasks, std::size_t edges) {
    graph_.reserve(tasks, edges);
    labels_.reserve(tasks);
  }

  ResourceId add_stream() { return graph_.add_resource(); }

  TaskId add(const TaskLabel& label, ResourceId stream, SimTime work) {
    labels_.push_back(label);
    return graph_.add_task(stream, work);
  }

  /// `to` waits until `delay` after the end of `from`; kNoTask is no wait.
  void after(TaskId from, TaskId to, SimTime delay = 0) {
    if (from != kNoTask) graph_.add_edge(from, to, delay);
  }

  std::pair<TaskGraph, std::vector<TaskLabel>> build() && {
    return {std::move(graph_).build(), std::move(labels_)};
  }

 private:
  TaskGraphBuilder graph_;
  std::vector<TaskLabel> labels_;
};

}  // namespace plumbline
