// The search for the fastest order of F, I and W under a limit on live activations per rank.
#pragma once

#include <string>
#include <string_view>

#include "schedules/costs.h"
#include "schedules/schedule.h"

namespace plumbline {

struct SearchRequest {
  std::string_view name;  ///< of the schedule that is made
  PipelineShape shape;
  Placement placement = Placement::kLoop;
  int limit = 1;  ///< live activations per rank, from the start of F to the end of W
  UnitCosts costs;
  /// In units of work (an operation placed, a state looked at); the same input and budget give the
  /// same order on every machine.
  double budget = 5e7;
};

/// The fastest order found with at most `limit` live activations on every rank, for F, I and W of
/// every stage in `placement`, in the best time found; `prove_order` of order_proof.h tells how
/// near to the best that is.
///
/// Starts from the published orders that keep the limit, so it is never slower than any of them,
/// and stops at the lower bound or when its budget is spent.
///
/// @throws InputError at "schedule.max_live_activations" when the limit is below the number of
///         chunks, where nothing can run
///
/// Source of the improvement: Tormos and Lova, Annals of OR 102, 2001 (forward-backward passes).
Schedule search_order(const SearchRequest& request);
Schedule search_order(std::string_view name, const PipelineShape& shape, Placement placement,
                      int limit, const UnitCosts& costs);

}  // namespace plumbline
