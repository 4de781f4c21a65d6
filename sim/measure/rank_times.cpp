#include "sim/measure/rank_times.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "sim/lowering/op_times.h"

namespace plumbline {
namespace {

double seconds(SimTime time, int iterations) { return to_seconds(time).base() / iterations; }

/// Adds `busy` seconds in the proportions of `cost`, so that the parts sum to the rounded times of
/// the timeline and not to the unrounded prices.
void add_causes(OpCost& sum, const OpCost& cost, SimTime busy) {
  if (busy > 0) sum.add(cost, to_seconds(busy) / cost.total());
}

/// The lower median of the hops between different ranks.
SimTime median_hop(const Schedule& schedule, const TrainingCosts& costs) {
  std::vector<SimTime> hops;
  for (const std::vector<int>& rank_of : schedule.stage_rank) {
    for (std::size_t stage = 0; stage + 1 < rank_of.size(); ++stage) {
      if (rank_of[stage] == rank_of[stage + 1]) continue;
      hops.push_back(to_sim_time(costs.forward_hop[stage].latency));
      hops.push_back(to_sim_time(costs.backward_hop[stage + 1].latency));
    }
  }
  if (hops.empty()) return 0;
  const auto middle = hops.begin() + static_cast<std::ptrdiff_t>((hops.size() - 1) / 2);
  std::nth_element(hops.begin(), middle, hops.end());
  return *middle;
}

/// All compute streams at once, in the order of task ids: neighbours in time are neighbours in
/// memory, and ids of one stream ascend in its order.
class StreamReader {
 public:
  StreamReader(const Schedule& schedule, const LoweredStep& step, const Timeline& timeline,
               const TrainingCosts& costs, const Releases& releases, const Window& window)
      : schedule_(schedule),
        step_(step),
        timeline_(timeline),
        costs_(costs),
        releases_(releases),
        window_(window),
        median_hop_(median_hop(schedule, costs)),
        streams_(step.rank_ops.size()),
        busy_(schedule.stage_rank.size() * costs.stages.size()) {
    for (Stream& stream : streams_) stream.free_since = window.begin;
  }

  std::vector<RankTimes> read() {
    // All of a step that flushes lies inside the window.
    if (step_.iterations == 1 && !step_.pairs) {
      read_whole_step();
    } else {
      read_window();
    }
    std::vector<RankTimes> times;
    for (std::size_t rank = 0; rank < streams_.size(); ++rank) times.push_back(finish(rank));
    return times;
  }

 private:
  /// Where the reading of one rank's stream stands.
  struct Stream {
    RankTimes times;
    SimTime free_since = 0;
    std::size_t next = 0;  ///< index in the stream
    bool any = false;      ///< something of it lies in the window
  };
  using Kinds = std::array<SimTime, 4>;

  void read_window() {
    const bool asynchronous = step_.iterations > 1;
    const auto num_tasks = static_cast<TaskId>(step_.labels.size());
    for (TaskId task = 0; task < num_tasks; ++task) {
      const TaskLabel& label = step_.labels[task];
      // Asynchronous schedules have optimizer steps between operations.
      if (is_operation(label.kind) || (asynchronous && label.kind == TaskKind::kOptimizer)) {
        visit(label, task);
      }
    }
  }

  /// The same where operations are alone and inside the window; schedules of millions of them
  /// spend their time here.
  void read_whole_step() {
    const std::size_t num_stages = costs_.stages.size();
    const auto num_tasks = static_cast<TaskId>(step_.labels.size());
    for (TaskId task = 0; task < num_tasks; ++task) {
      const TaskLabel& label = step_.labels[task];
      if (!is_operation(label.kind)) continue;
      Stream& stream = streams_[label.rank];
      const SimTime start = timeline_.start[task], finish = timeline_.finish[task];
      if (start > stream.free_since) {
        add_gap(stream, idle_gap(step_, timeline_, releases_, label.rank, stream.free_since, task));
      }
      stream.any = true;
      stream.free_since = finish;
      if (finish == start) continue;
      RankTimes& times = stream.times;
      times.busy += finish - start;
      if (times.last_end == 0) times.first_start = start;
      times.last_end = finish;
      busy_[label.replica * num_stages + label.stage][static_cast<std::size_t>(label.kind)] +=
          finish - start;
    }
  }

  void visit(const TaskLabel& label, TaskId task) {
    Stream& stream = streams_[label.rank];
    const std::size_t index = stream.next++;
    if (stream.free_since >= window_.end && stream.any) return;
    if (timeline_.finish[task] <= window_.begin && window_.begin > 0) return;
    if (timeline_.start[task] > stream.free_since) {
      add_gap(stream, idle_gap(step_, timeline_, releases_, label.rank, stream.free_since, task));
    }
    add_task(stream, index, label, task);
    stream.free_since = std::max(stream.free_since, timeline_.finish[task]);
    stream.any = true;
  }

  RankTimes finish(std::size_t rank) {
    RankTimes& times = streams_[rank].times;
    times.drain = std::max<SimTime>(0, window_.end - streams_[rank].free_since);
    const std::size_t num_stages = costs_.stages.size();
    for (std::size_t stage = 0; stage < num_stages; ++stage) {
      for (std::size_t replica = 0; replica < schedule_.stage_rank.size(); ++replica) {
        if (schedule_.stage_rank[replica][stage] != static_cast<int>(rank)) continue;
        for (std::size_t kind = 0; kind < 4; ++kind) {
          add_causes(times.causes, op_cost(costs_.stages[stage], static_cast<OpKind>(kind)),
                     busy_[replica * num_stages + stage][kind]);
        }
      }
    }
    return times;
  }

  void add_gap(Stream& stream, const IdleGap& gap) {
    RankTimes& times = stream.times;
    // A gap may stick out of the window on the right; its transfer is its last part.
    const SimTime outside = std::max<SimTime>(0, gap.end - window_.end);
    const SimTime length = gap.end - gap.begin - outside;
    if (length <= 0) return;
    if (gap.data) {
      times.data += length;
      return;
    }
    const SimTime transfer = std::clamp<SimTime>(gap.transfer - outside, 0, length);
    if (gap.host) {
      times.host_copies += transfer;
      times.waits += length - transfer;
      return;
    }
    const SimTime slow = std::clamp<SimTime>(gap.hop - median_hop_, 0, transfer);
    times.slow_link += slow;
    (gap.forward ? times.forward_comm : times.backward_comm) += transfer - slow;
    // An asynchronous rank is in the middle of its stream when the window opens.
    const bool before_all = !stream.any && step_.iterations == 1;
    if (before_all) times.first_hop = transfer;
    (before_all ? times.warm_up : times.waits) += length - transfer;
  }

  void add_task(Stream& stream, std::size_t index, const TaskLabel& label, TaskId task) {
    const SimTime inside = std::min(timeline_.finish[task], window_.end) -
                           std::max(timeline_.start[task], window_.begin);
    if (inside <= 0) return;
    RankTimes& times = stream.times;
    if (label.kind == TaskKind::kOptimizer) {
      times.optimizer += inside;
      return;
    }
    times.busy += inside;
    if (times.last_end == 0) times.first_start = timeline_.start[task];
    times.last_end = timeline_.finish[task];
    if (const Op* partner = partner_of(label.rank, index)) {
      const OpCost& own = op_cost(costs_.stages[label.stage], static_cast<OpKind>(label.kind));
      const OpCost& other = op_cost(costs_.stages[partner->stage], partner->kind);
      add_causes(times.causes, beside(own, other, step_.options), inside);
    } else {
      Kinds& kinds = busy_[label.replica * costs_.stages.size() + label.stage];
      kinds[static_cast<std::size_t>(label.kind)] += inside;
    }
  }

  /// The other operation of the overlapped pair that the rank's operation `index` belongs to.
  const Op* partner_of(int rank, std::size_t index) const {
    if (step_.iterations != 1) return nullptr;
    const std::vector<Op>& program = schedule_.ranks[rank];
    if (begins_pair(program, index)) return &program[index + 1];
    return index > 0 && begins_pair(program, index - 1) ? &program[index - 1] : nullptr;
  }

  const Schedule& schedule_;
  const LoweredStep& step_;
  const Timeline& timeline_;
  const TrainingCosts& costs_;
  const Releases& releases_;
  Window window_;
  SimTime median_hop_;
  std::vector<Stream> streams_;  // [ranks]
  std::vector<Kinds> busy_;      // [replicas * num_stages] by kind, of operations alone
};

/// When the last gradient of an iteration has ended on rank 0.
SimTime end_of_iteration(const Schedule& schedule, const LoweredStep& step,
                         const Timeline& timeline, int iteration) {
  SimTime end = 0;
  for (const TaskId task : step.rank_ops.front()) {
    const TaskLabel& label = step.labels[task];
    if (label.kind != TaskKind::kForward &&
        label.microbatch < (iteration + 1) * schedule.shape.microbatches) {
      end = std::max(end, timeline.finish[task]);
    }
  }
  return end;
}

}  // namespace

Window accounted_window(const Schedule& schedule, const LoweredStep& step,
                        const Timeline& timeline) {
  if (step.iterations > 1) {
    return {.begin = end_of_iteration(schedule, step, timeline, step.first_steady_iteration - 1),
            .end = end_of_iteration(schedule, step, timeline, step.last_steady_iteration - 1),
            .iterations = step.last_steady_iteration - step.first_steady_iteration};
  }
  Window window;
  for (const std::vector<TaskId>& ops : step.rank_ops) {
    if (!ops.empty()) window.end = std::max(window.end, timeline.finish[ops.back()]);
  }
  return window;
}

std::vector<RankTimes> rank_times(const Schedule& schedule, const LoweredStep& step,
                                  const Timeline& timeline, const TrainingCosts& costs,
                                  const Releases& releases, const Window& window) {
  return StreamReader(schedule, step, timeline, costs, releases, window).read();
}

IdleCauses idle_causes(const RankTimes& times, SimTime busiest, int iterations) {
  const SimTime imbalance = std::min(times.waits, busiest - times.busy);
  return {.warm_up = seconds(times.warm_up, iterations),
          .drain = seconds(times.drain, iterations),
          .imbalance = seconds(imbalance, iterations),
          .dependency = seconds(times.waits - imbalance, iterations),
          .forward_comm = seconds(times.forward_comm, iterations),
          .backward_comm = seconds(times.backward_comm, iterations),
          .slow_link = seconds(times.slow_link, iterations),
          .host_copies = seconds(times.host_copies, iterations)};
}

}  // namespace plumbline
