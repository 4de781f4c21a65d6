// A tabu walk over the orders of a job shop: the critical path's operations are moved within the
// runs of operations that a rank does without a pause, the best estimate that is not tabu goes.
//
// Source: Nowicki and Smutnicki, Management Science 42(6), 1996 (moves on the critical path);
// Balas and Vazacopoulos, Management Science 44(2), 1998 (insertions, their check and estimate).
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/job_shop.h"

namespace plumbline {

class TabuWalk {
 public:
  TabuWalk(const JobShop& shop, const ShopOrder& from, std::uint64_t seed);

  /// One move.  @returns false when no move is possible
  bool step();

  Ticks makespan() const { return makespan_; }
  Ticks best() const { return best_; }  ///< the shortest that it has come across
  ShopOrder order() const;
  double work() const { return work_; }

 private:
  struct Move {
    int rank, from, to;  ///< the operation at `from` of the row goes to `to`
    Ticks estimate;
  };
  void evaluate();
  void reevaluate(int rank, int from, int to);
  void reorder(int moved, int first, int last, bool forwards);
  void update_heads(int first);
  void update_tails(int last);
  void find_makespan();
  void collect_moves();
  void consider(int rank, int from, int to);
  bool keeps_limit(int rank, int from, int to) const;
  void apply(const Move& move);
  void mark(int op) {
    open_ += marked_[op] ? 0 : 1;
    marked_[op] = 1;
  }
  void unmark(int op) {
    --open_;
    marked_[op] = 0;
  }
  // The operations that wait for `op` directly, and those that it waits for.
  template <typename Visit>
  void for_each_after(int op, const Visit& visit) const {
    const Chain& chain = shop_->chains[chain_of(op)];
    const std::vector<int>& row = rows_[chain.rank];
    for (const Chain::Link& out : chain.outputs) {
      visit(out.chain * shop_->microbatches + op % shop_->microbatches);
    }
    if (place_[op] + 1 < static_cast<int>(row.size())) visit(row[place_[op] + 1]);
  }
  template <typename Visit>
  void for_each_before(int op, const Visit& visit) const {
    const Chain& chain = shop_->chains[chain_of(op)];
    for (const Chain::Link& in : chain.inputs) {
      visit(in.chain * shop_->microbatches + op % shop_->microbatches);
    }
    if (place_[op] > 0) visit(rows_[chain.rank][place_[op] - 1]);
  }
  int chain_of(int op) const { return op / shop_->microbatches; }
  Ticks duration(int op) const { return shop_->chains[chain_of(op)].duration; }
  Ticks job_head(int op) const;
  Ticks job_tail(int op) const;
  Ticks& tabu(int first, int second);

  const JobShop* shop_;
  std::uint64_t seed_;
  std::uint64_t steps_ = 0;
  std::vector<std::vector<int>> rows_;
  std::vector<int> place_;          // of an operation in its row
  std::vector<Ticks> head_, tail_;  // longest way to its start, and from its end
  std::vector<int> live_;           // activations alive just before an operation
  std::vector<int> topological_;
  std::vector<int> position_;  // of an operation in it
  std::vector<Move> moves_;
  std::vector<Ticks> tabu_;
  Ticks makespan_ = 0, best_ = 0;
  double work_ = 0.0;
  // scratch
  std::vector<int> waiting_, ready_, segment_;
  std::vector<char> marked_;  // all 0 between uses
  int open_ = 0;              // how many are marked
  std::vector<Ticks> segment_head_;
};

}  // namespace plumbline
