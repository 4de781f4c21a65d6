#include "schedules/order_extension.h"

#include <algorithm>

namespace plumbline {

std::vector<Repetition> repetitions(const JobShop& small, const ShopOrder& order, int microbatches,
                                    int longest_cycle, std::size_t most) {
  const int total = small.microbatches;
  const Ticks more = microbatches - total;
  std::vector<Repetition> all;
  for (int cycle = 1; cycle <= longest_cycle && cycle < total; ++cycle) {
    for (int first = 0; first + cycle < total; ++first) {
      Repetition each{first, cycle, 0, 0};
      for (std::size_t c = 0; c < small.chains.size(); ++c) {
        const std::size_t at = c * total + first;
        each.period = std::max(each.period, order.starts[at + cycle] - order.starts[at]);
      }
      each.predicted = order.makespan + (more * each.period + cycle - 1) / cycle;
      all.push_back(each);
    }
  }
  std::ranges::stable_sort(all, {}, &Repetition::predicted);
  if (all.size() > most) all.resize(most);
  return all;
}

TickTimes extended(const JobShop& small, const ShopOrder& order, const JobShop& large,
                   const Repetition& how) {
  const int total = small.microbatches;
  const int more = large.microbatches - total;
  TickTimes starts(large.operations());
  for (std::size_t c = 0; c < large.chains.size(); ++c) {
    const Ticks* const from = order.starts.data() + c * total;
    Ticks* const to = starts.data() + c * large.microbatches;
    const auto repeated = [&](int j) {
      return from[how.first + j % how.cycle] + how.period * (j / how.cycle);
    };
    const Ticks shift =
        how.period * (more / how.cycle) + (from[how.first + more % how.cycle] - from[how.first]);
    for (int mb = 0; mb < large.microbatches; ++mb) {
      if (mb < how.first) {
        to[mb] = from[mb];
      } else if (mb < how.first + more) {
        to[mb] = repeated(mb - how.first);
      } else {
        to[mb] = from[mb - more] + shift;
      }
    }
  }
  return starts;
}

}  // namespace plumbline
