// A pipeline's operations as a job shop: ranks are machines, and precedence is between whole chains
// of operations, because micro-batches are alike and some best order runs the operations of one
// (stage, kind) by index (rename the k-th that runs to index k).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schedules/schedule.h"
#include "schedules/ticks.h"

namespace plumbline {

using Ticks = std::int64_t;
using TickTimes = std::vector<Ticks>;  ///< [chains][micro-batches]

/// All operations of one stage and kind; micro-batch m waits for m of its inputs.
struct Chain {
  struct Link {
    int chain;
    Ticks delay;
  };
  Op op;  ///< of micro-batch 0
  int rank = 0;
  Ticks duration = 0;
  int acquires = 0;  ///< activations that are alive from its start on
  int releases = 0;  ///< activations that are gone at its end
  int reserve = 0;   ///< places it must leave free: those that later chunks need to go on
  int most = 0;      ///< of what it acquires, so many of its own at once; 0 for any number
  std::vector<Link> inputs;
  std::vector<Link> outputs;
};

/// Chain kind * S + s is F, I or W (kind 0, 1, 2) of stage s; operation c * M + m is chain c's
/// m-th.
struct JobShop {
  int ranks = 0;
  int chunks = 1;
  int microbatches = 0;
  std::vector<int> limits;                ///< [ranks] live activations, at most M * chunks
  std::vector<Chain> chains;              ///< [3 * stages]
  std::vector<std::vector<int>> of_rank;  ///< [ranks] its chains

  int stages() const { return static_cast<int>(chains.size()) / 3; }
  std::size_t operations() const { return chains.size() * microbatches; }
};

/// F, I and W of every stage of a schedule with one copy of the weights, at most `limit` live
/// activations on every rank.
JobShop make_job_shop(const Schedule& placed, const TickCosts& costs, int limit);

/// Another latency between neighbouring stages: hops[s] from s to s + 1 and back, 0 on one rank.
void set_hops(JobShop& shop, const std::vector<Ticks>& hops);

/// The same pipeline with another number of micro-batches.
JobShop with_microbatches(const JobShop& shop, int microbatches);

/// The shop with time running backwards: W first, F last, the last micro-batch first.
JobShop reversed(const JobShop& shop);

/// Who runs what in which order, and when at the earliest.
struct ShopOrder {
  std::vector<std::vector<int>> rows;  ///< [ranks] operations
  TickTimes starts;
  Ticks makespan = 0;
};

/// The rows run as early as they allow; nullopt when they deadlock.
std::optional<ShopOrder> timed(const JobShop& shop, std::vector<std::vector<int>> rows);

/// The order in reverse, of the reversed shop, run as early as possible there.
ShopOrder mirrored(const JobShop& reversed_shop, const ShopOrder& order);

/// The rows of a schedule as operations of the shop.
std::vector<std::vector<int>> rows_of(const JobShop& shop, const Schedule& schedule);

/// The rows as operations of a schedule.
std::vector<std::vector<Op>> ops_of(const JobShop& shop, const ShopOrder& order);

}  // namespace plumbline
