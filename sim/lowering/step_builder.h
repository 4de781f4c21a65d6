// The task graph and its labels, grown together so that they cannot go out of step.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "sim/core/large_vector.h"
#include "sim/core/sim_time.h"
#include "sim/engine/task_graph.h"
#include "sim/lowering/lower_training.h"

namespace plumbline {

class StepBuilder {
 public:
  void reserve(std::size_t tasks, std::size_t edges) {
    graph_.reserve(tasks, edges);
    reserve_large(labels_, tasks + kBlock);
  }

  ResourceId add_stream() { return graph_.add_resource(); }

  TaskId add(const TaskLabel& label, ResourceId stream, SimTime work) {
    note(label);
    return graph_.add_task(stream, work);
  }

  /// A task that waits for the one added last on its stream, if there is one.
  TaskId add_next(const TaskLabel& label, ResourceId stream, SimTime work) {
    note(label);
    return graph_.add_next_task(stream, work);
  }

  /// `to` waits until `delay` after the end of `from`; kNoTask is no wait.
  void after(TaskId from, TaskId to, SimTime delay = 0) {
    if (from != kNoTask) graph_.add_edge(from, to, delay);
  }

  std::pair<TaskGraph, std::vector<TaskLabel>> build() && {
    labels_.resize(graph_.num_tasks());
    return {std::move(graph_).build(), std::move(labels_)};
  }

 private:
  static constexpr std::size_t kBlock = 1024;

  /// Of the task that is about to be added.
  void note(const TaskLabel& label) {
    if (graph_.num_tasks() == labels_.size()) [[unlikely]]
      labels_.resize(labels_.size() + kBlock);
    labels_[graph_.num_tasks()] = label;
  }

  TaskGraphBuilder graph_;
  std::vector<TaskLabel> labels_;
  std::size_t room_ = 0;  ///< the size of labels_, which grow a block at a time as the graph does
};

}  // namespace plumbline
