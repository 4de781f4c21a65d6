#include "random_graph.h"

#include <algorithm>

#include "sim/core/rng.h"

namespace plumbline {
namespace {

// A draw per call; within one graph the order of drawing is fixed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : stream_(seed, "random graph") {}
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(stream_.bits(next_++) % bound);
  }
  bool once_in(std::uint32_t times) { return below(times) == 0; }

 private:
  RandomStream stream_;
  std::uint64_t next_ = 0;
};

std::vector<LinkId> random_route(Dice& dice, std::uint32_t num_links) {
  std::vector<LinkId> route;
  const std::uint32_t hops = 1 + dice.below(std::min(num_links, 3u));
  while (route.size() < hops) {
    const LinkId link = dice.below(num_links);
    if (std::find(route.begin(), route.end(), link) == route.end()) route.push_back(link);
  }
  return route;
}

}  // namespace

TaskGraph GraphSpec::build() const {
  TaskGraphBuilder builder;
  for (std::uint32_t r = 0; r < num_resources; ++r) builder.add_resource();
  for (const double bandwidth : links) builder.add_link(bandwidth);
  for (const auto& route : routes) builder.add_route(route);
  for (const Task& task : tasks) {
    if (task.is_flow) {
      builder.add_flow(task.resource, task.work);
    } else if (task.follows) {
      builder.add_next_task(task.resource, task.work);
    } else {
      builder.add_task(task.resource, task.work);
    }
  }
  for (const Edge& edge : edges) builder.add_edge(edge.from, edge.to, edge.delay);
  return std::move(builder).build();
}

GraphSpec random_graph(std::uint64_t seed, const RandomGraphShape& shape) {
  Dice dice(seed);
  GraphSpec spec;
  spec.num_resources = shape.num_resources;
  // Around 1e12 bytes/s, so that flows take a few picoseconds as tasks do.
  for (std::uint32_t l = 0; l < shape.num_links; ++l) spec.links.push_back(1e12 / (1 + l % 3));
  for (std::uint32_t r = 0; r < 2 * shape.num_links; ++r) {
    spec.routes.push_back(random_route(dice, shape.num_links));
  }
  const auto most_work = static_cast<std::uint32_t>(shape.most_work);
  std::vector<TaskId> last(shape.num_resources, kNoResource);
  for (TaskId id = 0; id < shape.num_tasks; ++id) {
    GraphSpec::Task task{.work = dice.below(most_work + 1)};
    if (shape.num_links > 0 && dice.once_in(3)) {
      task.is_flow = true;
      task.resource = dice.below(static_cast<std::uint32_t>(spec.routes.size()));
    } else if (shape.num_resources > 0 && !dice.once_in(4)) {
      task.resource = dice.below(shape.num_resources);
      TaskId& before = last[task.resource];
      if (shape.chain_resources && before != kNoResource) spec.edges.push_back({before, id});
      before = id;
    }
    spec.tasks.push_back(task);
  }
  const auto num_edges = static_cast<std::uint32_t>(shape.edges_per_task * shape.num_tasks);
  for (std::uint32_t e = 0; e < num_edges; ++e) {
    const TaskId from = dice.below(shape.num_tasks - 1);
    const TaskId to = from + 1 + dice.below(std::min(shape.num_tasks - from - 1, 12u));
    spec.edges.push_back({from, to, dice.once_in(3) ? dice.below(5) : 0});
  }
  return spec;
}

}  // namespace plumbline
