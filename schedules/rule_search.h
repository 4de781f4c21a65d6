// Orders of several chunks per rank by rules: every stage keeps at most so many activations of its
// own, and the operation with the smallest priority goes, which is its place on a micro-batch's way
// plus so much per micro-batch.  A rule has few numbers, and the search climbs over them: what is
// shared out per stage keeps the forwards of early chunks from taking the room that later chunks
// need, which is what list scheduling under a common limit gets wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schedules/job_shop.h"

namespace plumbline {

/// Numbers of a rule; times in 64ths of the least period of the pipeline.
struct OrderRule {
  bool backwards = false;  ///< time runs from the end of the last W to the first F
  std::size_t way = 0;     ///< which times a micro-batch's operations aim at
  std::vector<int> most;   ///< [stages] activations
  std::int64_t pace = 64;  ///< that a micro-batch has to wait for the one before it, in priority
  std::int64_t lag = 0;    ///< of weight gradients behind their input gradient
  std::vector<std::int64_t> shift;  ///< [2 * chunks] of F and I of a chunk
};

class RuleSearch {
 public:
  explicit RuleSearch(const JobShop& shop);

  /// Tries the next rule.
  /// @returns the order that it makes, when that is no longer than the rule it stems from
  std::optional<ShopOrder> step();

  /// The orders of the best rules so far, the best first; only these are climbed from.
  std::vector<ShopOrder> best();
  double work() const { return work_; }

 private:
  struct Tried {
    OrderRule rule;
    Ticks makespan;
  };
  std::vector<int> shares(int tilt) const;
  void add_way(TickTimes starts, Ticks period);
  void begin();
  void add_pattern();
  void keep_best();
  OrderRule changed(const OrderRule& rule);
  std::optional<ShopOrder> order_of(const OrderRule& rule);
  std::uint64_t chance(std::uint64_t below);

  const JobShop& shop_;
  JobShop ahead_, back_;  // scratch: with the rule's shares
  Ticks period_;
  // Of one micro-batch: [chains] starts, the same with time running backwards, and the time to
  // the next one's.
  struct Way {
    TickTimes ahead, back;
    Ticks period;
  };
  std::vector<Way> ways_;
  std::vector<OrderRule> first_;    // rules to start from, still to try
  std::vector<Tried> best_;         // the rules that are climbed from
  int patterns_ = 0, keeping_ = 0;  // repeated blocks looked for, and those that keep the limit
  std::uint64_t steps_ = 0, draws_ = 0;
  double work_ = 0.0;
};

}  // namespace plumbline
