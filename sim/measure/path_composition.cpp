#include "sim/measure/path_composition.h"

#include <algorithm>

#include "sim/lowering/op_times.h"

namespace plumbline {
namespace {

bool inside_node(const GroupSpan& span) { return span.ranks <= span.ranks_per_node; }

class Composer {
 public:
  explicit Composer(const MeasureInput& input) : input_(input) {}

  void add_task(const TaskLabel& label, double seconds) {
    switch (label.kind) {
      case TaskKind::kForward:
      case TaskKind::kBackward:
      case TaskKind::kInputGrad:
      case TaskKind::kWeightGrad:
        add_operation(op_cost(input_.costs.stages[static_cast<std::size_t>(label.stage)],
                              static_cast<OpKind>(label.kind)),
                      seconds);
        break;
      case TaskKind::kTransfer:
        add_hop(label.stage, label.forward_direction, seconds);
        break;
      case TaskKind::kDataReduce:
      case TaskKind::kDataGather:
        add_group(input_.plan.data_context_group, seconds);
        break;
      case TaskKind::kOffload:
      case TaskKind::kReload:
        sum_.intra_node += seconds;  // the host's link lies inside the node
        break;
      case TaskKind::kOptimizer:
      case TaskKind::kMarker:
        sum_.memory += seconds;
        break;
    }
  }

  /// The delay of an edge behind an operation.
  void add_delay(const TaskLabel& producer, double seconds) {
    add_hop(producer.stage, producer.kind == TaskKind::kForward, seconds);
  }

  const PathComposition& sum() const { return sum_; }

 private:
  void add_group(const GroupSpan& span, double seconds) {
    (inside_node(span) ? sum_.intra_node : sum_.inter_node) += seconds;
  }

  void add_hop(std::int32_t stage, bool forward, double seconds) {
    const auto& hops = forward ? input_.costs.forward_hop : input_.costs.backward_hop;
    const bool inside = hops[static_cast<std::size_t>(stage)].same_node;
    (inside ? sum_.intra_node : sum_.inter_node) += seconds;
  }

  void add_operation(const OpCost& cost, double seconds) {
    const double total = cost.total().base();
    if (total <= 0 || cost.host > Seconds(0)) {
      sum_.host += seconds;  // the kernels wait for their launches: their own time does not matter
      return;
    }
    const double unit = seconds / total;  // other than 1 where a pair hides communication
    const ParallelPlan& plan = input_.plan;
    sum_.products += unit * cost.products.base();
    sum_.attention += unit * cost.attention.base();
    sum_.memory += unit * (cost.compute + cost.recompute - cost.products - cost.attention).base();
    add_group(plan.tensor_group, unit * cost.tensor_comm.base());
    add_group(plan.context_group, unit * cost.context_comm.base());
    add_group(plan.expert_group, unit * cost.expert_comm.base());
    add_group(plan.data_context_group, unit * cost.data_comm.base());
  }

  const MeasureInput& input_;
  PathComposition sum_;
};

TaskId last_task(const Timeline& timeline, SimTime end) {
  const auto last = std::find(timeline.finish.begin(), timeline.finish.end(), end);
  return last == timeline.finish.end() ? kNoTask
                                       : static_cast<TaskId>(last - timeline.finish.begin());
}

}  // namespace

PathComposition path_composition(const MeasureInput& input, const Releases& releases,
                                 const Window& window) {
  const Timeline& timeline = input.timeline;
  const auto inside = [&](SimTime begin, SimTime end) {
    const SimTime time = std::min(end, window.end) - std::max(begin, window.begin);
    return to_seconds(std::max<SimTime>(0, time)).base() / window.iterations;
  };
  Composer composer(input);
  for (TaskId task = last_task(timeline, window.end); task != kNoTask;) {
    composer.add_task(input.step.labels[task], inside(timeline.start[task], timeline.finish[task]));
    const TaskId before = releases.by[task];
    if (before != kNoTask) {
      composer.add_delay(input.step.labels[before],
                         inside(timeline.finish[before], timeline.start[task]));
    }
    if (timeline.start[task] <= window.begin) break;
    task = before;
  }
  return composer.sum();
}

}  // namespace plumbline
