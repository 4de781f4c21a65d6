// List scheduling of a pipeline's operations: Giffler and Thompson's active schedules for a job
// shop (Operations Research 8(4), 1960), with a limit on live activations per rank.
//
// Micro-batches are alike, so some best order runs the operations of one (stage, kind) by index
// (rename the k-th that runs to index k), and precedence is between whole chains of them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schedules/schedule.h"
#include "schedules/ticks.h"

namespace plumbline {

/// All operations of one stage and kind; micro-batch m waits for m of its inputs.
struct Chain {
  struct Input {
    int chain;
    std::int64_t delay;
  };
  Op op;  ///< of micro-batch 0
  int rank = 0;
  std::int64_t duration = 0;
  int acquires = 0;  ///< activations that are alive from its start on
  int releases = 0;  ///< activations that are gone at its end
  int reserve = 0;   ///< places it must leave free: those that later chunks need to go on
  std::vector<Input> inputs;
};

struct JobShop {
  int ranks = 0;
  int microbatches = 0;
  std::vector<Chain> chains;

  std::size_t operations() const { return chains.size() * microbatches; }
};

/// F, I and W of every stage of a schedule with one copy of the weights.
JobShop make_job_shop(const Schedule& placed, const TickCosts& costs);

/// The shop with time running backwards: W first, F last, the last micro-batch first.
JobShop reversed(const JobShop& shop);

using TickTimes = std::vector<std::int64_t>;  ///< [chains][micro-batches]

/// Start times of an active schedule: of the operations that could delay the one that would end
/// first, the one with the smallest priority goes.
/// @param priority  [chains][micro-batches]
/// @returns nullopt when `limit` leaves no operation that can start
std::optional<TickTimes> list_schedule(const JobShop& shop, int limit, const TickTimes& priority);

/// The last end.
std::int64_t makespan(const JobShop& shop, const TickTimes& starts);

/// [ranks] the operations by start time.
std::vector<std::vector<Op>> rows_of(const JobShop& shop, const TickTimes& starts);

}  // namespace plumbline
