#include "sim/run/serving_memo.h"

#include <algorithm>
#include <utility>

#include "sim/run/run_serving.h"
#include "sim/serving/stated_prices.h"
#include "sim/serving/step_prices.h"

namespace plumbline {
namespace {

/// The options without what prices do not depend on.
ServingOptions priced_part(ServingOptions options) {
  options.requests = {};
  options.slo = {};
  options.router = {};
  return options;
}

}  // namespace

PricedServing price_serving(const Scenario& scenario, const ParallelPlan& plan,
                            const KernelTimes& kernels) {
  PricedServing out;
  const ServedModel served{scenario.model, scenario.cluster, plan, *scenario.serving, kernels};
  out.resources = serving_resources(served);
  if (!out.resources.fits) return out;
  if (scenario.serving->stage_times_ms.empty()) {
    out.prices = make_step_prices(served);
  } else {
    out.prices = make_stated_prices(*scenario.serving);
    out.resources.assumptions.emplace_back(
        "stage times are stated, not priced: every step takes them, and hops take no time");
  }
  if (scenario.serving->disaggregated) {
    out.transfer = cache_transfer(scenario.cluster, plan, out.resources.kv);
  }
  return out;
}

PricedServing ServingMemo::price(const Scenario& scenario, const ParallelPlan& plan,
                                 const KernelTimes& kernels) {
  ServingOptions options = priced_part(*scenario.serving);
  const auto found = std::ranges::find_if(recent_, [&](const Entry& entry) {
    return entry.plan == plan && entry.options == options && entry.kernels.same_as(kernels) &&
           entry.model == scenario.model && entry.cluster == scenario.cluster;
  });
  if (found != recent_.end()) {
    std::rotate(recent_.begin(), found, found + 1);
    return recent_.front().priced;
  }
  PricedServing priced = price_serving(scenario, plan, kernels);
  if (recent_.size() == kMost) recent_.pop_back();
  recent_.insert(recent_.begin(), Entry{scenario.model, scenario.cluster, plan, std::move(options),
                                        kernels, std::move(priced)});
  ++priced_;
  return recent_.front().priced;
}

}  // namespace plumbline
