#include "sim/lowering/host_copies.h"

#include <utility>

namespace plumbline {
namespace {

constexpr std::int32_t kNone = -1;

bool needs_activation(OpKind kind) {
  return kind == OpKind::kBackward || kind == OpKind::kInputGrad;
}

/// [row] of every forward, where its B or I stands; kNone elsewhere.
std::vector<std::int32_t> backward_positions(const std::vector<Op>& row, std::size_t stages,
                                             std::size_t microbatches) {
  std::vector<std::int32_t> at(stages * microbatches, kNone);
  const auto key = [&](const Op& op) {
    return static_cast<std::size_t>(op.stage) * microbatches +
           static_cast<std::size_t>(op.microbatch);
  };
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (needs_activation(row[i].kind)) at[key(row[i])] = static_cast<std::int32_t>(i);
  }
  std::vector<std::int32_t> partner(row.size(), kNone);
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i].kind == OpKind::kForward) partner[i] = at[key(row[i])];
  }
  return partner;
}

}  // namespace

HostCopies::HostCopies(const Schedule& schedule, const TrainingCosts& costs, StepBuilder& builder)
    : schedule_(schedule), costs_(costs), builder_(builder) {
  if (costs.host_copy.empty()) return;
  ranks_.resize(schedule.ranks.size());
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    ranks_[rank].out = builder.add_stream();
    ranks_[rank].in = builder.add_stream();
    ranks_[rank].partner =
        backward_positions(schedule.ranks[rank], static_cast<std::size_t>(schedule.num_stages()),
                           static_cast<std::size_t>(schedule.shape.microbatches));
  }
}

void HostCopies::forward_done(int rank, std::uint32_t position, TaskId done) {
  Rank& own = ranks_[rank];
  const Op& op = schedule_.ranks[rank][position];
  const SimTime work = to_sim_time(costs_.host_copy[op.stage].offload);
  const std::int32_t backward = own.partner[position];
  if (work == 0 || backward == kNone) return;
  const auto between = backward - static_cast<std::int32_t>(position) - 1;
  if (between <= costs_.reload_ahead) return;
  const TaskId task = builder_.add({.kind = TaskKind::kOffload,
                                    .replica = op.replica,
                                    .rank = rank,
                                    .stage = op.stage,
                                    .microbatch = op.microbatch},
                                   own.out, work);
  builder_.after(own.last_out, task);
  builder_.after(done, task);
  own.last_out = task;
  own.partner[backward] = static_cast<std::int32_t>(own.copies.size());
  own.copies.push_back({.offload = task, .stage = op.stage});
}

TaskId HostCopies::reload_before(int rank, std::uint32_t begin, std::uint32_t row,
                                 std::span<const TaskId> tasks) {
  Rank& own = ranks_[rank];
  const Op& op = schedule_.ranks[rank][row];
  if (!needs_activation(op.kind) || own.partner[row] == kNone) return kNoTask;
  HostCopy& copy = own.copies[own.partner[row]];
  copy.reload = builder_.add({.kind = TaskKind::kReload,
                              .replica = op.replica,
                              .rank = rank,
                              .stage = op.stage,
                              .microbatch = op.microbatch},
                             own.in, to_sim_time(costs_.host_copy[op.stage].reload));
  builder_.after(own.last_in, copy.reload);
  builder_.after(copy.offload, copy.reload);
  // More than `reload_ahead` operations lie between, so there is one that lets it begin.
  const std::uint32_t ahead = static_cast<std::uint32_t>(costs_.reload_ahead);
  if (begin > ahead) builder_.after(tasks[begin - 1 - ahead], copy.reload);
  own.last_in = copy.reload;
  return copy.reload;
}

std::vector<std::vector<HostCopy>> HostCopies::take() && {
  std::vector<std::vector<HostCopy>> all;
  for (Rank& rank : ranks_) all.push_back(std::move(rank.copies));
  return all;
}

}  // namespace plumbline
