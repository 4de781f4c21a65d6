// Refuting windows, or finding an order within them, micro-batch by micro-batch.
//
// Forward k goes down the stages and meets input gradients on their way up: each micro-batch that
// is still alive it meets between two stages, after the gradients of the deeper ones and before
// those of the others.  Where forward k has met everybody is all that later forwards can tell of
// the past, together with the times since when ranks and gradients are free; of two states that
// agree on the places the one that is nowhere later is enough.  So a layer of states holds every
// order of the first k forwards.  Branching (`crossing_branching.h`) meets the same states again
// and again where many micro-batches pass few places: here the work grows with the number of
// micro-batches and with the states of a layer, of which there are thousands for a limit of four
// and too many for one of eight.
//
// Weight gradients fill gaps in parts of any size, first come first served.  So what is refuted is
// refuted for every order, and what is found still needs its weight gradients put into the gaps.
#pragma once

#include <vector>

#include "schedules/job_shop.h"
#include "schedules/window_branching.h"
#include "schedules/windows.h"

namespace plumbline {

struct LayerSearch {
  Branching found = Branching::kGaveUp;
  /// When open: [stages][micro-batches] how many input gradients of its stage run before F(s, k).
  std::vector<int> before;
  int layers = 0;     ///< micro-batches whose states are complete
  double work = 0.0;  ///< operations placed and states looked at
};

/// @param budget  gives up when more work than this is done
/// REQUIRES: one chunk per rank, `windows` are tight
LayerSearch search_layers(const JobShop& shop, const Windows& windows, double budget);

}  // namespace plumbline
