// "Run until blocked": a rank emits operations while their inputs exist; an emitted result wakes
// the rank that waits for it.  The order of emission is topological; a walk that stops early has
// found a deadlock.  Linear in operations; nothing is allocated per task.

#include "sim/lowering/program_walk.h"

#include <algorithm>
#include <array>
#include <string>

#include "schedules/build.h"
#include "schedules/check.h"
#include "sim/core/diagnostic.h"
#include "sim/lowering/hops.h"
#include "sim/lowering/host_copies.h"
#include "sim/lowering/op_plans.h"
#include "sim/lowering/op_times.h"
#include "sim/lowering/rank_walker.h"
#include "sim/lowering/slots.h"

namespace plumbline {
namespace {

/// A blocking send whose receiver has not come to it yet.
struct UnsentResult {
  SlotId slot;
  const Op* op;
};

/// Whether a blocking transfer waits for its receiver: in schedules with one chunk per rank and
/// whole backwards, where Megatron-LM posts a receive right before its consumer.  In the others
/// receives are posted operations ahead (forward_backward_pipelining_with_interleaving exchanges
/// both directions at once; zero-bubble runtimes post all of them early), so a send only takes its
/// sender's time.
bool meets_receivers(const Schedule& schedule, const Usage& usage) {
  return schedule.shape.chunks == 1 && schedule.replicas == 1 && !usage.splits_backwards;
}

class Walk {
 public:
  Walk(const WalkInput& input, StepBuilder& builder, MilestoneHandler& handler)
      : schedule_(input.schedule),
        input_(input),
        builder_(builder),
        handler_(handler),
        blocking_(input.costs.blocking_hops && meets_receivers(input.schedule, input.usage)),
        eager_(input.costs.blocking_hops && !blocking_),
        slots_(input.schedule),
        times_(input.costs.stages, input.options),
        hops_(input.schedule, input.usage, input.costs, times_, input.options),
        plans_(input.schedule, slots_, times_, hops_),
        host_copies_(input.schedule, input.costs, builder),
        walkers_(input.schedule.ranks.size()),
        arrived_(slots_.count(), kNoTask),
        made_(blocking_ ? slots_.count() : 0, kNoTask),
        last_on_link_(hops_.num_links(), kNoTask) {
    simple_ = !host_copies_.any();
    result_.receivers_meet = !eager_;
    result_.rank_ops.resize(walkers_.size());
    for (std::size_t rank = 0; rank < walkers_.size(); ++rank) {
      RankWalker& walker = walkers_[rank];
      walker.program = schedule_.ranks[rank].data();
      walker.size = static_cast<std::uint32_t>(schedule_.ranks[rank].size());
      result_.rank_ops[rank].resize(walker.size, kNoTask);
      walker.tasks = result_.rank_ops[rank].data();
      next_milestone(static_cast<int>(rank));
      advance(walker, 0);
    }
  }

  WalkResult run() {
    for (std::size_t rank = walkers_.size(); rank-- > 0;) wake(static_cast<int>(rank));
    do {
      while (!runnable_.empty()) {
        const int rank = runnable_.back();
        runnable_.pop_back();
        walkers_[rank].queued = false;
        while (step(rank)) {
        }
      }
    } while (let_one_send_go());
    require_finished();
    for (const RankWalker& walker : walkers_) result_.rank_end.push_back(walker.last);
    result_.host_copies = std::move(host_copies_).take();
    return std::move(result_);
  }

 private:
  /// Emits the rank's next operation or overlapped pair, unless it is blocked or done.
  bool step(int rank) {
    RankWalker& walker = walkers_[rank];
    if (walker.position == walker.size || walker.unsent > 0) return false;
    const Op& op = walker.program[walker.position];
    if (simple_ && !op.overlaps_next && walker.position < walker.next_milestone) {
      return step_alone(rank, walker, op);
    }
    const std::uint32_t end = walker.unit_end();
    for (std::uint32_t i = walker.position; i < end; ++i) {
      if (!inputs_are_there(walker, walker.program[i], plans_.of(walker.program[i]))) return false;
    }
    emit(rank, walker, end);
    return true;
  }

  /// `step` and `emit` at once for the common case: an operation by itself, with no milestone and
  /// no copies to the host.  Schedules of millions of operations spend their time here.
  bool step_alone(int rank, RankWalker& walker, const Op& op) {
    const OpPlan& plan = plans_.of(op);
    if (!inputs_are_there(walker, op, plan)) return false;
    const TaskId task = add_operation(rank, walker, op, plan, plan.work);
    wait_for_sends(walker, task);
    wait_for_neighbour(op, plan, task);
    walker.last = task;
    walker.num_sends = 0;
    advance(walker, walker.position + 1);
    if (plan.made != kNoSlot) deliver(walker, op, plan, task);
    if (blocking_) receive_offers(walker);
    return true;
  }

  /// Otherwise notes what the rank waits for.  A rank moves on only when its own results have left
  /// it, so "arrived" also says "made".
  bool inputs_are_there(RankWalker& walker, const Op& op, const OpPlan& plan) {
    if (plan.own != kNoSlot) {
      walker.waits_for = Slots::of(plan.own, op.microbatch);
      if (arrived_[walker.waits_for] == kNoTask) return false;
    }
    if (plan.theirs != kNoSlot) {
      walker.waits_for = Slots::of(plan.theirs, op.microbatch);
      if (arrived_[walker.waits_for] == kNoTask) return false;
    }
    return true;
  }

  /// Behind the end of the rank's stream.  In line, since every operation comes by here.
  [[gnu::always_inline]] TaskId add_operation(int rank, RankWalker& walker, const Op& op,
                                              const OpPlan& plan, SimTime work) {
    TaskLabel label = plan.label;
    label.microbatch = op.microbatch;
    TaskId task;
    if (walker.last == walker.last_operation) [[likely]] {
      task = builder_.add_next(label, input_.streams[rank], work);
    } else {
      task = builder_.add(label, input_.streams[rank], work);
      builder_.after(walker.last, task);
    }
    walker.tasks[walker.position] = task;
    walker.last_operation = task;
    return task;
  }

  void emit(int rank, RankWalker& walker, std::uint32_t end) {
    const Op* const ops = walker.program;
    const std::uint32_t begin = walker.position;

    std::array<TaskId, 2> reloads{kNoTask, kNoTask};
    if (host_copies_.any()) {
      for (std::uint32_t i = begin; i < end; ++i) {
        reloads[i - begin] = host_copies_.reload_before(rank, begin, i, result_.rank_ops[rank]);
      }
    }
    TaskId begun = kNoTask;
    if (walker.next_milestone < end) {
      begun = builder_.add({.kind = TaskKind::kMarker, .rank = rank, .stage = ops[begin].stage},
                           kNoResource, 0);
      builder_.after(walker.last, begun);
      wait_for_inputs(walker, begin, end, begun, reloads);
      walker.last = begun;
    }
    for (std::uint32_t i = begin; i < end; ++i) {
      const Op& op = ops[i];
      const OpPlan& plan = plans_.of(op);
      const SimTime work = end - begin == 1 ? plan.work : times_.of(op, ops[2 * begin + 1 - i]);
      walker.position = i;
      const TaskId task = add_operation(rank, walker, op, plan, work);
      if (i == begin && begun == kNoTask) wait_for_inputs(walker, begin, end, task, reloads);
      walker.last = task;
    }
    const TaskId done = walker.last;
    walker.num_sends = 0;
    advance(walker, end);
    // The results of a pair exist when both of its operations are done: it is atomic.
    for (std::uint32_t i = begin; i < end; ++i) {
      const OpPlan& plan = plans_.of(ops[i]);
      if (plan.made != kNoSlot) deliver(walker, ops[i], plan, done);
      if (host_copies_.any() && ops[i].kind == OpKind::kForward) {
        host_copies_.forward_done(rank, i, done);
      }
    }
    while (walker.next_milestone < end) {
      walker.last =
          handler_.reached(rank, input_.milestones[rank][walker.milestone], begun, walker.last);
      ++walker.milestone;
      next_milestone(rank);
    }
    if (blocking_) receive_offers(walker);
  }

  /// Edges into the first task of a unit, beside the stream's: blocking sends, copies from the
  /// host, results of neighbours.
  void wait_for_inputs(const RankWalker& walker, std::uint32_t begin, std::uint32_t end,
                       TaskId task, std::array<TaskId, 2> reloads) {
    for (const TaskId reload : reloads) builder_.after(reload, task);
    wait_for_sends(walker, task);
    for (std::uint32_t i = begin; i < end; ++i) {
      wait_for_neighbour(walker.program[i], plans_.of(walker.program[i]), task);
    }
  }
  void wait_for_sends(const RankWalker& walker, TaskId task) {
    for (int i = 0; i < walker.num_sends; ++i) builder_.after(walker.sends[i], task);
  }
  void wait_for_neighbour(const Op& op, const OpPlan& plan, TaskId task) {
    if (!plan.from_other_rank) return;
    builder_.after(arrived_[Slots::of(plan.theirs, op.microbatch)], task, plan.delay);
  }

  /// Sends what `op` made to its consumer.
  [[gnu::always_inline]] void deliver(RankWalker& walker, const Op& op, const OpPlan& plan,
                                      TaskId done) {
    const SlotId slot = Slots::of(plan.made, op.microbatch);
    const Hop& hop = plan.out;
    if (!hop.crosses) {
      arrived_[slot] = done;
      return;
    }
    ++result_.hops;
    if (blocking_) {
      made_[slot] = done;
      const std::array<SlotId, 2>& takes = walkers_[hop.to].takes;
      if (takes[0] == slot || takes[1] == slot) {
        meet(op, plan, slot);
      } else {
        ++walker.unsent;
        unsent_.push_back({slot, &op});
      }
      return;
    }
    TaskId arrival = done;
    if (hop.has_task) {
      arrival = add_transfer(op, plan);
      builder_.after(done, arrival);
      if (eager_) walker.sends[walker.num_sends++] = arrival;
      if (hop.link >= 0) {
        builder_.after(last_on_link_[hop.link], arrival);
        last_on_link_[hop.link] = arrival;
      }
    }
    arrive(slot, arrival, hop.to);
  }

  /// A blocking transfer: both ends are there.
  void meet(const Op& producer, const OpPlan& plan, SlotId slot) {
    const Hop& hop = plan.out;
    RankWalker& sender = walkers_[hop.from];
    const TaskId transfer = add_transfer(producer, plan);
    builder_.after(made_[slot], transfer);
    builder_.after(walkers_[hop.to].last, transfer);
    sender.sends[sender.num_sends++] = transfer;
    arrive(slot, transfer, hop.to);
  }

  /// The rank has come to its next unit: what was made for it long ago can now be received.
  void receive_offers(const RankWalker& walker) {
    for (const std::uint32_t i : {0u, 1u}) {
      const SlotId slot = walker.takes[i];
      if (slot == kNoSlot || made_[slot] == kNoTask || arrived_[slot] != kNoTask) continue;
      const Op producer = producer_of(walker.program[walker.position + i]);
      const OpPlan& plan = plans_.of(producer);
      meet(producer, plan, slot);
      sent(plan.out.from);
    }
  }

  /// Where every rank waits for a receiver, the oldest send goes without its own.
  bool let_one_send_go() {
    for (; oldest_unsent_ < unsent_.size(); ++oldest_unsent_) {
      const auto& [slot, op] = unsent_[oldest_unsent_];
      if (arrived_[slot] != kNoTask) continue;
      const OpPlan& plan = plans_.of(*op);
      const TaskId transfer = add_transfer(*op, plan);
      builder_.after(made_[slot], transfer);
      arrive(slot, transfer, plan.out.to);
      sent(plan.out.from);
      ++result_.eager_hops;
      return true;
    }
    return false;
  }

  TaskId add_transfer(const Op& op, const OpPlan& plan) {
    TaskLabel label = plan.label;
    label.kind = TaskKind::kTransfer;
    label.forward_direction = op.kind == OpKind::kForward;
    label.peer = plan.out.to;
    label.microbatch = op.microbatch;
    return builder_.add(label, kNoResource, plan.out.time);
  }

  static Op producer_of(Op op) {
    op.stage += op.kind == OpKind::kForward ? -1 : 1;
    return op;
  }

  void arrive(SlotId slot, TaskId arrival, int receiver) {
    arrived_[slot] = arrival;
    if (walkers_[receiver].waits_for == slot) wake(receiver);
  }

  void sent(int sender) {
    if (--walkers_[sender].unsent == 0) wake(sender);
  }

  void wake(int rank) {
    if (walkers_[rank].queued) return;
    walkers_[rank].queued = true;
    runnable_.push_back(rank);
  }

  /// On to the unit at `position`, and to what it receives.
  void advance(RankWalker& walker, std::uint32_t position) {
    walker.position = position;
    if (!blocking_) return;
    walker.takes = {kNoSlot, kNoSlot};
    if (position == walker.size) return;
    for (std::uint32_t i = position, end = walker.unit_end(); i < end; ++i) {
      const SlotId first = plans_.of(walker.program[i]).theirs;
      if (first == kNoSlot) continue;
      walker.takes[i - position] = Slots::of(first, walker.program[i].microbatch);
    }
  }

  void next_milestone(int rank) {
    RankWalker& walker = walkers_[rank];
    const bool any = static_cast<std::size_t>(rank) < input_.milestones.size() &&
                     walker.milestone < input_.milestones[rank].size();
    walker.next_milestone =
        any ? input_.milestones[rank][walker.milestone].position : RankWalker::kNoMilestone;
  }

  /// @throws InputError when a rank has not reached its end: the schedule's order is at fault
  void require_finished() const {
    for (std::size_t rank = 0; rank < walkers_.size(); ++rank) {
      if (walkers_[rank].position == walkers_[rank].size) continue;
      const auto deadlock = find_deadlock(schedule_);
      const std::string problem =
          deadlock ? to_string(*deadlock) : "rank " + std::to_string(rank) + " never finishes";
      throw InputError({diagnose("schedule", problem)});
    }
  }

  const Schedule& schedule_;
  const WalkInput& input_;
  StepBuilder& builder_;
  MilestoneHandler& handler_;
  bool blocking_;  ///< senders and receivers meet
  bool eager_;     ///< senders wait for their own transfers only
  bool simple_;    ///< no copies to the host
  Slots slots_;
  OpTimes times_;
  Hops hops_;
  OpPlans plans_;
  HostCopies host_copies_;
  std::vector<RankWalker> walkers_;
  std::vector<TaskId> arrived_;       ///< [slots] after which task the consumer can start
  std::vector<TaskId> made_;          ///< [slots] blocking: the end of the producer
  std::vector<TaskId> last_on_link_;  ///< [serial links]
  std::vector<UnsentResult> unsent_;  ///< in the order of their producers
  std::size_t oldest_unsent_ = 0;
  std::vector<int> runnable_;
  WalkResult result_;
};

}  // namespace

WalkResult walk_programs(const WalkInput& input, StepBuilder& builder, MilestoneHandler& handler) {
  return Walk(input, builder, handler).run();
}

}  // namespace plumbline
