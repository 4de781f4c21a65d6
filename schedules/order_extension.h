// Orders for many micro-batches from a good order for fewer: a stretch of its micro-batches is
// repeated with the period at which it could repeat.
#pragma once

#include <vector>

#include "schedules/job_shop.h"

namespace plumbline {

/// Micro-batches first .. first + cycle - 1 of an order are run again and again.
struct Repetition {
  int first = 0;
  int cycle = 1;
  Ticks period = 0;     ///< the largest distance of two operations of a chain, a cycle apart
  Ticks predicted = 0;  ///< makespan if the repetition fits without loss
};

/// The repetitions that promise the shortest makespan for `microbatches`, best first.
std::vector<Repetition> repetitions(const JobShop& small, const ShopOrder& order, int microbatches,
                                    int longest_cycle, std::size_t most);

/// When every operation would start: [chains][micro-batches of `large`].
TickTimes extended(const JobShop& small, const ShopOrder& order, const JobShop& large,
                   const Repetition& how);

}  // namespace plumbline
