// zb_auto: the fastest order of F, I and W that a search finds for the costs at hand, under a limit
// on live activations per rank, with a lower bound that tells how near to the best it is.
//
// One chunk per rank, or two in a V as in ZB-V; more chunks in a loop as interleaved ones have
// them.  Without `max_live_activations` a rank may hold what ZB-H1 and ZB-V hold, P activations of
// each chunk, which is 1F1B's memory on its first rank.

#include "schedules/generators.h"
#include "schedules/order_search.h"

namespace plumbline {

Schedule zb_auto(const PipelineShape& shape, const ScheduleOptions& options) {
  SearchRequest request;
  request.name = "zb_auto";
  request.shape = shape;
  request.placement = shape.chunks == 2 ? Placement::kV : Placement::kLoop;
  request.limit = options.max_live_activations.value_or(shape.ranks() * shape.chunks);
  request.costs = options.costs;
  if (options.search_budget) request.budget = 1e6 * *options.search_budget;
  return search_order(request);
}

}  // namespace plumbline
