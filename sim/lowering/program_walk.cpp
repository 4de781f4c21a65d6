// "Run until blocked": a rank emits operations while their inputs exist; an emitted result wakes
// the rank that waits for it.  The order of emission is topological; a walk that stops early has
// found a deadlock.  Linear in operations; nothing is allocated per task.

#include "sim/lowering/program_walk.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "schedules/build.h"
#include "schedules/check.h"
#include "sim/core/diagnostic.h"
#include "sim/lowering/hops.h"
#include "sim/lowering/host_copies.h"
#include "sim/lowering/op_times.h"
#include "sim/lowering/slots.h"

namespace plumbline {
namespace {

constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

TaskKind task_kind(OpKind kind) { return static_cast<TaskKind>(kind); }
static_assert(static_cast<int>(TaskKind::kWeightGrad) == static_cast<int>(OpKind::kWeightGrad));

/// Where one rank's walk stands.
struct Walker {
  std::uint32_t position = 0;
  std::uint32_t next_milestone = kNever;  ///< its position
  std::uint32_t milestone = 0;            ///< its index
  TaskId last = kNoTask;                  ///< end of the compute stream so far
  SlotId waits_for = kNoSlot;
  std::array<TaskId, 2> sends{kNoTask, kNoTask};  ///< blocking: what the next operation waits for
  int num_sends = 0;
  int unsent = 0;  ///< blocking: results whose receiver is not ready yet
  bool queued = false;
};

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
bool meets_receivers(const Schedule& schedule) {
  if (schedule.shape.chunks > 1 || schedule.replicas > 1) return false;
  for (const std::vector<Op>& row : schedule.ranks) {
    for (const Op& op : row) {
      if (op.kind == OpKind::kInputGrad || op.kind == OpKind::kWeightGrad) return false;
    }
  }
  return true;
}

class Walk {
 public:
  Walk(const WalkInput& input, StepBuilder& builder, MilestoneHandler& handler)
      : schedule_(input.schedule),
        input_(input),
        builder_(builder),
        handler_(handler),
        blocking_(input.costs.blocking_hops && meets_receivers(input.schedule)),
        eager_(input.costs.blocking_hops && !blocking_),
        slots_(input.schedule),
        times_(input.costs.stages, input.options),
        hops_(input.schedule, input.costs, times_, input.options),
        host_copies_(input.schedule, input.costs, builder),
        walkers_(input.schedule.ranks.size()),
        arrived_(slots_.count(), kNoTask),
        made_(blocking_ ? slots_.count() : 0, kNoTask),
        last_on_link_(hops_.num_links(), kNoTask) {
    result_.receivers_meet = !eager_;
    simple_ = !blocking_ && !host_copies_.any();
    result_.rank_ops.resize(walkers_.size());
    for (std::size_t rank = 0; rank < walkers_.size(); ++rank) {
      result_.rank_ops[rank].reserve(schedule_.ranks[rank].size());
      next_milestone(static_cast<int>(rank));
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
    for (const Walker& walker : walkers_) result_.rank_end.push_back(walker.last);
    result_.host_copies = std::move(host_copies_).take();
    return std::move(result_);
  }

 private:
  /// Emits the rank's next operation or overlapped pair, unless it is blocked or done.
  bool step(int rank) {
    Walker& walker = walkers_[rank];
    const std::vector<Op>& program = schedule_.ranks[rank];
    if (walker.position == program.size() || walker.unsent > 0) return false;
    const Op& op = program[walker.position];
    if (simple_ && !op.overlaps_next && walker.position < walker.next_milestone) {
      return step_alone(rank, op);
    }
    const std::uint32_t end = unit_end(rank);
    for (std::uint32_t i = walker.position; i < end; ++i) {
      // A rank moves on only when its own results have left it, so "arrived" also says "made".
      for (const SlotId slot :
           {slots_.from_itself(program[i]), slots_.from_neighbour(program[i])}) {
        if (slot != kNoSlot && arrived_[slot] == kNoTask) {
          walker.waits_for = slot;
          return false;
        }
      }
    }
    walker.waits_for = kNoSlot;
    emit(rank, end);
    return true;
  }

  /// `step` and `emit` at once for the common case: an operation by itself, no milestone, no sends
  /// to meet.  Schedules of millions of operations spend their time here.
  bool step_alone(int rank, const Op& op) {
    Walker& walker = walkers_[rank];
    const SlotId own = slots_.from_itself(op);
    if (own != kNoSlot && arrived_[own] == kNoTask) {
      walker.waits_for = own;
      return false;
    }
    const SlotId theirs = slots_.from_neighbour(op);
    const TaskId input = theirs == kNoSlot ? kNoTask : arrived_[theirs];
    if (theirs != kNoSlot && input == kNoTask) {
      walker.waits_for = theirs;
      return false;
    }
    const TaskId task = add_operation(rank, op, times_.of(op));
    builder_.after(walker.last, task);
    for (int i = 0; i < walker.num_sends; ++i) builder_.after(walker.sends[i], task);
    if (theirs != kNoSlot) {
      const Hop& hop = hops_.into(op);
      if (hop.crosses) builder_.after(input, task, hop.has_task ? 0 : hop.time);
    }
    walker.last = task;
    walker.num_sends = 0;
    ++walker.position;
    if (op.kind != OpKind::kWeightGrad) deliver(rank, op, task);
    return true;
  }

  TaskId add_operation(int rank, const Op& op, SimTime work) {
    const TaskId task = builder_.add({.kind = task_kind(op.kind),
                                      .replica = op.replica,
                                      .rank = rank,
                                      .stage = op.stage,
                                      .microbatch = op.microbatch},
                                     input_.streams[rank], work);
    result_.rank_ops[rank].push_back(task);
    return task;
  }

  void emit(int rank, std::uint32_t end) {
    Walker& walker = walkers_[rank];
    const Op* const ops = schedule_.ranks[rank].data();
    const std::uint32_t begin = walker.position;
    const bool milestone = walker.next_milestone < end;

    std::array<TaskId, 2> reloads{kNoTask, kNoTask};
    if (host_copies_.any()) {
      for (std::uint32_t i = begin; i < end; ++i) {
        reloads[i - begin] = host_copies_.reload_before(rank, begin, i, result_.rank_ops[rank]);
      }
    }
    TaskId begun = kNoTask;
    if (milestone) {
      begun = builder_.add({.kind = TaskKind::kMarker, .rank = rank, .stage = ops[begin].stage},
                           kNoResource, 0);
      wait_for_inputs(rank, end, begun, reloads);
      walker.last = begun;
    }
    for (std::uint32_t i = begin; i < end; ++i) {
      const Op& op = ops[i];
      const SimTime work = end - begin == 1 ? times_.of(op) : times_.of(op, ops[2 * begin + 1 - i]);
      const TaskId task = add_operation(rank, op, work);
      if (i > begin || milestone) {
        builder_.after(walker.last, task);
      } else {
        wait_for_inputs(rank, end, task, reloads);
      }
      walker.last = task;
    }
    const TaskId done = walker.last;
    walker.position = end;
    walker.num_sends = 0;
    // The results of a pair exist when both of its operations are done: it is atomic.
    for (std::uint32_t i = begin; i < end; ++i) {
      if (ops[i].kind != OpKind::kWeightGrad) deliver(rank, ops[i], done);
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
    if (blocking_) receive_offers(rank);
  }

  /// Edges into the first task of a unit: the stream, blocking sends, results of neighbours.
  void wait_for_inputs(int rank, std::uint32_t end, TaskId task, std::array<TaskId, 2> reloads) {
    const Walker& walker = walkers_[rank];
    builder_.after(walker.last, task);
    for (const TaskId reload : reloads) builder_.after(reload, task);
    for (int i = 0; i < walker.num_sends; ++i) builder_.after(walker.sends[i], task);
    for (std::uint32_t i = walker.position; i < end; ++i) {
      const Op& op = schedule_.ranks[rank][i];
      const SlotId slot = slots_.from_neighbour(op);
      if (slot == kNoSlot) continue;
      const Hop& hop = hops_.into(op);
      if (hop.crosses) builder_.after(arrived_[slot], task, hop.has_task ? 0 : hop.time);
    }
  }

  /// Sends what `op` made to its consumer.
  void deliver(int rank, const Op& op, TaskId done) {
    const SlotId slot = slots_.made_by(op);
    const Hop& hop = hops_.out_of(op);
    if (!hop.crosses) {
      arrived_[slot] = done;
      return;
    }
    ++result_.hops;
    if (blocking_) {
      made_[slot] = done;
      if (stands_at(hop.to, slot)) {
        meet(op, slot);
      } else {
        ++walkers_[rank].unsent;
        unsent_.push_back({slot, &op});
      }
      return;
    }
    TaskId arrival = done;
    if (hop.has_task) {
      arrival = add_transfer(op, hop);
      builder_.after(done, arrival);
      if (eager_) {
        Walker& sender = walkers_[rank];
        sender.sends[sender.num_sends++] = arrival;
      }
      if (hop.link >= 0) {
        builder_.after(last_on_link_[hop.link], arrival);
        last_on_link_[hop.link] = arrival;
      }
    }
    arrive(slot, arrival, hop.to);
  }

  /// A blocking transfer: both ends are there.
  void meet(const Op& producer, SlotId slot) {
    const Hop& hop = hops_.out_of(producer);
    Walker& sender = walkers_[hop.from];
    const TaskId transfer = add_transfer(producer, hop);
    builder_.after(made_[slot], transfer);
    builder_.after(walkers_[hop.to].last, transfer);
    sender.sends[sender.num_sends++] = transfer;
    arrive(slot, transfer, hop.to);
  }

  /// `rank` has come to its next unit: what was made for it long ago can now be received.
  void receive_offers(int rank) {
    if (walkers_[rank].position == schedule_.ranks[rank].size()) return;
    for (std::uint32_t i = walkers_[rank].position, end = unit_end(rank); i < end; ++i) {
      const Op& op = schedule_.ranks[rank][i];
      const SlotId slot = slots_.from_neighbour(op);
      if (slot == kNoSlot || made_[slot] == kNoTask || arrived_[slot] != kNoTask) continue;
      meet(producer_of(op), slot);
      sent(hops_.into(op).from);
    }
  }

  /// Where every rank waits for a receiver, the oldest send goes without its own.
  bool let_one_send_go() {
    for (; oldest_unsent_ < unsent_.size(); ++oldest_unsent_) {
      const auto& [slot, op] = unsent_[oldest_unsent_];
      if (arrived_[slot] != kNoTask) continue;
      const Hop& hop = hops_.out_of(*op);
      const TaskId transfer = add_transfer(*op, hop);
      builder_.after(made_[slot], transfer);
      arrive(slot, transfer, hop.to);
      sent(hop.from);
      ++result_.eager_hops;
      return true;
    }
    return false;
  }

  TaskId add_transfer(const Op& op, const Hop& hop) {
    return builder_.add({.kind = TaskKind::kTransfer,
                         .forward_direction = op.kind == OpKind::kForward,
                         .replica = op.replica,
                         .rank = hop.from,
                         .peer = hop.to,
                         .stage = op.stage,
                         .microbatch = op.microbatch},
                        kNoResource, hop.time);
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

  /// Whether the next unit of `rank` takes `slot`.
  bool stands_at(int rank, SlotId slot) const {
    const std::vector<Op>& program = schedule_.ranks[rank];
    if (walkers_[rank].position == program.size()) return false;
    for (std::uint32_t i = walkers_[rank].position, end = unit_end(rank); i < end; ++i) {
      if (slots_.from_neighbour(program[i]) == slot) return true;
    }
    return false;
  }

  std::uint32_t unit_end(int rank) const {
    const std::uint32_t position = walkers_[rank].position;
    return position + (begins_pair(schedule_.ranks[rank], position) ? 2 : 1);
  }

  void next_milestone(int rank) {
    Walker& walker = walkers_[rank];
    const bool any = static_cast<std::size_t>(rank) < input_.milestones.size() &&
                     walker.milestone < input_.milestones[rank].size();
    walker.next_milestone = any ? input_.milestones[rank][walker.milestone].position : kNever;
  }

  /// @throws InputError when a rank has not reached its end: the schedule's order is at fault
  void require_finished() const {
    for (std::size_t rank = 0; rank < walkers_.size(); ++rank) {
      if (walkers_[rank].position == schedule_.ranks[rank].size()) continue;
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
  bool simple_;    ///< neither receivers to meet nor copies to the host
  Slots slots_;
  OpTimes times_;
  Hops hops_;
  HostCopies host_copies_;
  std::vector<Walker> walkers_;
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
