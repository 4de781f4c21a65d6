// Weight gradients into the gaps of an order of forwards and input gradients.
#pragma once

#include <vector>

#include "schedules/job_shop.h"
#include "schedules/windows.h"

namespace plumbline {

/// Runs forwards and input gradients in the order of the windows, each as early as it can, and
/// before each as many weight gradients as wait, fit and let it start by its latest start: that
/// keeps the end which the windows are for, as far as forwards and input gradients go, and nowhere
/// leaves a weight gradient waiting that has room.  One that the limit needs runs in any case.
/// @param windows  of one order: see `BoundFinder::windows_of`
/// @returns        [ranks] operations, runnable and within the limits
/// REQUIRES: one chunk per rank
std::vector<std::vector<int>> fill_weight_grads(const JobShop& shop, const Windows& windows);

}  // namespace plumbline
