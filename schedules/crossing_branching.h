// Refuting windows, or finding an order within them, by deciding which forwards go before which
// input gradients.
//
// On stage s, forward k runs after c(s, k) input gradients.  Forwards and gradients run by index,
// and a gradient that forward k overtakes on one stage it has overtaken on every stage before, so c
// grows with k and with s.  With c decided, starts are longest paths.  Weight gradients are not
// ordered here: they only keep forward k + L waiting for weight gradient k, and for the work that
// has to be done between.  So what is refuted is refuted for every order, a look at a decision is
// cheap, and what is found still needs its weight gradients put into the gaps.
#pragma once

#include <cstdint>
#include <vector>

#include "schedules/job_shop.h"
#include "schedules/window_branching.h"
#include "schedules/windows.h"

namespace plumbline {

struct CrossingSearch {
  Branching found = Branching::kGaveUp;
  /// When open: windows of the order found.  Its forwards and input gradients can start at their
  /// heads; weight gradients lie between what they wait for and what waits for them.
  Windows windows;
  double work = 0.0;  ///< operations and decisions looked at
};

/// Decides c within the windows, first where least room is left, each decision first the way that
/// has more room, and takes decisions back where they contradict.
/// @param separation  least distance of F(0, k + n) from F(0, k), by n
/// @param budget      gives up when more work than this is done
/// @param seed        other than 0 shakes the order of decisions
/// REQUIRES: one chunk per rank
CrossingSearch search_crossings(const JobShop& shop, const std::vector<Ticks>& separation,
                                const Windows& windows, double budget, std::uint64_t seed = 0);

}  // namespace plumbline
