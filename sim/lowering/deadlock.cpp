// Follows the waits from rank to rank until one repeats:
//
//   rank 0 waits at 0B0 for 1B0, which comes after 1F1 on rank 1;
//   rank 1 waits at 1F1 for 0F1, which comes after 0B0 on rank 0

#include "sim/lowering/deadlock.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "sim/lowering/slots.h"

namespace plumbline {
namespace {

/// One rank's wait.
struct Wait {
  int rank = 0;
  Op at;                      ///< where it stands
  Op awaited;                 ///< what it waits for
  std::optional<int> runner;  ///< the rank that runs `awaited` later, if one does
};

class Explanation {
 public:
  Explanation(const Schedule& schedule, std::span<const std::uint32_t> positions)
      : schedule_(schedule), positions_(positions), slots_(schedule), made_(slots_.count()) {
    for (std::size_t rank = 0; rank < positions.size(); ++rank) {
      for (std::uint32_t i = 0; i < positions[rank]; ++i) {
        const SlotId slot = slots_.made_by(schedule.ranks[rank][i]);
        if (slot != kNoSlot) made_[slot] = true;
      }
    }
  }

  Wait wait_of(int rank) const {
    const std::vector<Op>& program = schedule_.ranks[rank];
    Wait wait{.rank = rank, .at = program[positions_[rank]], .awaited = {}, .runner = {}};
    // An overlapped pair waits for the inputs of both.
    for (std::size_t i = positions_[rank];; ++i) {
      for (const SlotId slot :
           {slots_.from_itself(program[i]), slots_.from_neighbour(program[i])}) {
        if (slot == kNoSlot || made_[slot]) continue;
        wait.at = program[i];
        wait.awaited = maker_of(slot, program[i].replica);
        wait.runner = runner_of(slot);
        return wait;
      }
      if (!program[i].overlaps_next || i + 1 == program.size()) return wait;
    }
  }

  bool stuck(int rank) const { return positions_[rank] < schedule_.ranks[rank].size(); }
  int num_ranks() const { return static_cast<int>(positions_.size()); }
  const Op& at(int rank) const { return schedule_.ranks[rank][positions_[rank]]; }

 private:
  Op maker_of(SlotId slot, std::uint8_t replica) const {
    Op op{.kind = Slots::is_activation(slot) ? OpKind::kForward : OpKind::kBackward,
          .replica = replica,
          .stage = slots_.stage_of(slot),
          .microbatch = slots_.microbatch_of(slot)};
    for (const std::vector<Op>& program : schedule_.ranks) {
      for (const Op& candidate : program) {
        if (slots_.made_by(candidate) == slot) return candidate;
      }
    }
    return op;
  }

  std::optional<int> runner_of(SlotId slot) const {
    for (int rank = 0; rank < num_ranks(); ++rank) {
      const std::vector<Op>& program = schedule_.ranks[rank];
      for (std::size_t i = positions_[rank]; i < program.size(); ++i) {
        if (slots_.made_by(program[i]) == slot) return rank;
      }
    }
    return std::nullopt;
  }

  const Schedule& schedule_;
  std::span<const std::uint32_t> positions_;
  Slots slots_;
  std::vector<bool> made_;
};

std::string rank_name(int rank) { return "rank " + std::to_string(rank); }

std::string sentence(const Explanation& explanation, const Wait& wait) {
  std::string text =
      rank_name(wait.rank) + " waits at " + to_string(wait.at) + " for " + to_string(wait.awaited);
  if (!wait.runner) return text + ", which no rank runs";
  const Op& ahead = explanation.at(*wait.runner);
  if (*wait.runner == wait.rank) return text + ", which comes later on the same rank";
  if (ahead == wait.awaited) return text + " on " + rank_name(*wait.runner);
  return text + ", which comes after " + to_string(ahead) + " on " + rank_name(*wait.runner);
}

}  // namespace

Diagnostic explain_deadlock(const Schedule& schedule, std::span<const std::uint32_t> positions) {
  const Explanation explanation(schedule, positions);
  int rank = 0;
  while (rank < explanation.num_ranks() && !explanation.stuck(rank)) ++rank;

  // Every stuck rank waits for one other; walking on must end at a missing operation or repeat.
  std::vector<Wait> chain;
  auto seen = chain.end();
  do {
    chain.push_back(explanation.wait_of(rank));
    if (!chain.back().runner) break;
    rank = *chain.back().runner;
    seen = std::find_if(chain.begin(), chain.end(), [&](const Wait& w) { return w.rank == rank; });
  } while (seen == chain.end());

  const bool missing = !chain.back().runner;
  std::string text = missing ? "the schedule cannot finish: " : "the schedule deadlocks: ";
  for (auto wait = missing ? chain.end() - 1 : seen; wait != chain.end(); ++wait) {
    text += sentence(explanation, *wait);
    if (wait + 1 != chain.end()) text += "; ";
  }
  return {.at = {},
          .path = "schedule",
          .problem = text,
          .hint = missing ? "every stage needs each micro-batch's F and B (or I and W) once"
                          : "reorder one of these operations"};
}

}  // namespace plumbline
