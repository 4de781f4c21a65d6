#include "schedules/check.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "schedules/build.h"
#include "schedules/walk.h"

namespace plumbline {
namespace {

constexpr std::size_t kMostProblems = 10;

Diagnostic problem(const std::string& text) { return diagnose("schedule", text); }

bool produces(const Op& op, const Inputs::Key& key) {
  const bool gradient = op.kind == OpKind::kBackward || op.kind == OpKind::kInputGrad;
  return op.kind != OpKind::kWeightGrad && gradient == key.gradient && op.stage == key.stage &&
         op.microbatch == key.microbatch;
}

// What the first operation that rank could not start waits for: an input that is in no row, or
// one that stands in a row at or behind the place that its rank has reached.
Wait blocked_at(const Schedule& schedule, const std::vector<std::size_t>& position, int rank) {
  const std::vector<Op>& ops = schedule.ranks[rank];
  const std::size_t first = position[rank];
  for (std::size_t i = first; i < unit_end(ops, first); ++i) {
    const Inputs in = inputs_of(ops[i], schedule.num_stages());
    for (int k = 0; k < in.count; ++k) {
      bool reached = false;
      for (int other = 0; other < schedule.num_ranks(); ++other) {
        const std::vector<Op>& row = schedule.ranks[other];
        const auto found =
            std::ranges::find_if(row, [&](const Op& op) { return produces(op, in.keys[k]); });
        if (found == row.end()) continue;
        reached = true;
        if (static_cast<std::size_t>(found - row.begin()) >= position[other]) {
          return {rank, ops[i], *found, other};
        }
      }
      if (!reached) {
        const OpKind kind = in.keys[k].gradient ? OpKind::kInputGrad : OpKind::kForward;
        return {rank, ops[i], {kind, false, 0, in.keys[k].stage, in.keys[k].microbatch}, -1};
      }
    }
  }
  return {rank, ops[first], ops[first], rank};
}

// Per (stage, micro-batch): how often each letter occurs and on which rank.
struct Seen {
  std::array<std::uint8_t, 4> times{};
  std::int32_t rank = -1;
  bool torn = false;
};

bool in_range(const Schedule& schedule, const Op& op) {
  return op.stage >= 0 && op.stage < schedule.num_stages() && op.microbatch >= 0 &&
         op.microbatch < schedule.shape.microbatches && op.replica < schedule.replicas;
}

std::string count_problem(const Seen& seen, int stage, int mb) {
  const std::string at =
      " of stage " + std::to_string(stage) + ", micro-batch " + std::to_string(mb);
  const auto times = [&](OpKind kind) { return seen.times[static_cast<int>(kind)]; };
  const auto said = [&](OpKind kind, const char* name) {
    const int n = times(kind);
    return std::string(name) + at +
           (n == 0 ? " is missing" : " runs " + std::to_string(n) + " times");
  };
  if (times(OpKind::kForward) != 1) return said(OpKind::kForward, "the forward");
  const bool split = times(OpKind::kInputGrad) + times(OpKind::kWeightGrad) > 0;
  if (!split && times(OpKind::kBackward) != 1) return said(OpKind::kBackward, "the backward");
  if (split && times(OpKind::kBackward) > 0) {
    return "the backward" + at + " runs both whole (B) and split (I, W)";
  }
  if (split && times(OpKind::kInputGrad) != 1)
    return said(OpKind::kInputGrad, "the input gradient");
  if (split && times(OpKind::kWeightGrad) != 1) {
    return said(OpKind::kWeightGrad, "the weight gradient");
  }
  if (seen.torn) return "the operations" + at + " are on more than one rank";
  return {};
}

std::vector<Diagnostic> count_problems(const Schedule& schedule) {
  std::vector<Diagnostic> problems;
  const std::size_t total = schedule.shape.microbatches;
  std::vector<Seen> seen(total * schedule.num_stages());
  for (int rank = 0; rank < schedule.num_ranks(); ++rank) {
    for (const Op& op : schedule.ranks[rank]) {
      if (!in_range(schedule, op)) {
        problems.push_back(problem("rank " + std::to_string(rank) + " runs " + to_string(op) +
                                   ", which is outside the schedule's " +
                                   std::to_string(schedule.num_stages()) + " stages and " +
                                   std::to_string(total) + " micro-batches"));
        if (problems.size() == kMostProblems) return problems;
        continue;
      }
      if (schedule.stage_rank[op.replica][op.stage] != rank) {
        problems.push_back(problem("rank " + std::to_string(rank) + " runs " + to_string(op) +
                                   ", but stage " + std::to_string(op.stage) + " is on rank " +
                                   std::to_string(schedule.stage_rank[op.replica][op.stage])));
        if (problems.size() == kMostProblems) return problems;
      }
      Seen& s = seen[op.stage * total + op.microbatch];
      std::uint8_t& times = s.times[static_cast<int>(op.kind)];
      times = static_cast<std::uint8_t>(std::min(times + 1, 255));
      s.torn = s.torn || (s.rank >= 0 && s.rank != rank);
      s.rank = rank;
    }
  }
  for (int stage = 0; stage < schedule.num_stages(); ++stage) {
    for (std::size_t mb = 0; mb < total && problems.size() < kMostProblems; ++mb) {
      const std::string text = count_problem(seen[stage * total + mb], stage, static_cast<int>(mb));
      if (!text.empty()) problems.push_back(problem(text));
    }
  }
  return problems;
}

}  // namespace

std::string to_string(const Deadlock& deadlock) {
  std::string text;
  for (const Wait& wait : deadlock.waits) {
    text += text.empty() ? "" : "; ";
    text += "rank " + std::to_string(wait.rank) + " waits at " + to_string(wait.at) + " for " +
            to_string(wait.needed);
    if (wait.holder < 0) {
      text += ", which no rank runs";
    } else if (wait.holder == wait.rank) {
      text += ", which stands later in its own row";
    } else {
      text += " of rank " + std::to_string(wait.holder);
    }
  }
  return text;
}

std::optional<Deadlock> find_deadlock(const Schedule& schedule) {
  const std::vector<std::size_t> position = walk(schedule, [](int, std::size_t, std::size_t) {});
  int rank = 0;
  while (rank < schedule.num_ranks() && position[rank] == schedule.ranks[rank].size()) ++rank;
  if (rank == schedule.num_ranks()) return std::nullopt;

  // Every blocked rank waits for a blocked rank or for nothing at all, so following the waits
  // ends in a cycle (or at an operation that is missing).
  std::vector<Wait> chain;
  std::vector<int> seen_at(schedule.num_ranks(), -1);
  while (seen_at[rank] < 0) {
    seen_at[rank] = static_cast<int>(chain.size());
    chain.push_back(blocked_at(schedule, position, rank));
    if (chain.back().holder < 0) return Deadlock{{chain.back()}};
    rank = chain.back().holder;
  }
  chain.erase(chain.begin(), chain.begin() + seen_at[rank]);
  return Deadlock{std::move(chain)};
}

std::vector<Diagnostic> schedule_problems(const Schedule& schedule) {
  std::vector<Diagnostic> problems = count_problems(schedule);
  if (!problems.empty()) return problems;
  if (const auto deadlock = find_deadlock(schedule)) {
    problems.push_back(problem("the order deadlocks: " + to_string(*deadlock)));
  }
  return problems;
}

void check_schedule(const Schedule& schedule) {
  std::vector<Diagnostic> problems = schedule_problems(schedule);
  if (!problems.empty()) throw InputError(std::move(problems));
}

}  // namespace plumbline
