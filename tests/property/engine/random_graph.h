// Random task graphs for the properties: every number follows from the seed.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/task_graph.h"

namespace plumbline {

/// A graph as lists, so that a test can permute or change it before it is built.
struct GraphSpec {
  struct Task {
    bool is_flow = false;
    std::uint32_t resource = kNoResource;  ///< or the route of a flow
    std::int64_t work = 0;                 ///< or its bytes
    bool follows = false;                  ///< the task before it on its resource, by no edge
  };
  struct Edge {
    TaskId from = 0;
    TaskId to = 0;
    SimTime delay = 0;
  };
  std::uint32_t num_resources = 0;
  std::vector<double> links;  ///< bytes per second
  std::vector<std::vector<LinkId>> routes;
  std::vector<Task> tasks;
  std::vector<Edge> edges;

  TaskGraph build() const;
};

struct RandomGraphShape {
  std::uint32_t num_tasks = 60;
  std::uint32_t num_resources = 4;
  std::uint32_t num_links = 0;  ///< with links, a third of the tasks are flows
  double edges_per_task = 1.5;
  SimTime most_work = 8;         ///< small: many ties, and some tasks of no work
  bool chain_resources = false;  ///< an edge from each task to the next on its resource
};

GraphSpec random_graph(std::uint64_t seed, const RandomGraphShape& shape);

}  // namespace plumbline
