#include "sim/search/reconfigure.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/parameters.h"
#include "sim/run/run.h"

namespace plumbline {
namespace {

constexpr int kUnusedShare = 20;  // a twentieth of the nodes

std::optional<Plan> stated_plan(const Scenario& scenario, const SearchOptions& options) {
  const auto candidate = candidate_of(scenario);
  if (!candidate) return std::nullopt;
  Plan plan;
  plan.candidate = *candidate;
  RunOptions how;
  how.scale = options.scale;
  plan.result = simulate(scenario, how).result;
  plan.fits = plan.result.fits;
  plan.score = options.objective.score(
      plan.result.training.iteration_time_s, candidate->gpus,
      static_cast<double>(candidate->global_batch_size * scenario.training.sequence_length));
  return plan;
}

class Comparison {
 public:
  Comparison(const Scenario& before, const SearchOptions& options, const ChangeCosts& costs)
      : before_(before), costs_(costs), old_(stated_plan(before, options)) {}

  void add(std::string what, std::optional<Plan> plan, const std::string& problem, double pause_s) {
    Continuation out;
    out.what = std::move(what);
    out.problem = plan ? std::string() : problem;
    if (plan) {
      const Candidate& c = plan->candidate;
      out.reload_bytes = checkpoint_bytes(before_, c.data, c.zero_stage);
      out.away_s = pause_s + out.reload_bytes / costs_.storage.base();
      out.redone_s = costs_.checkpoint_interval_s / 2;
      const double lost = old_ ? out.redone_s * old_->result.training.tokens_per_s : 0.0;
      out.tokens =
          std::max(0.0, costs_.horizon_s - out.away_s) * plan->result.training.tokens_per_s - lost;
      out.plan = std::move(plan);
    }
    options_.push_back(std::move(out));
  }

  const std::optional<Plan>& old() const { return old_; }
  std::vector<Continuation> take() {
    std::ranges::stable_sort(options_, std::greater<>(), &Continuation::tokens);
    return std::move(options_);
  }

 private:
  const Scenario& before_;
  const ChangeCosts& costs_;
  const std::optional<Plan> old_;
  std::vector<Continuation> options_;
};

}  // namespace

double checkpoint_bytes(const Scenario& scenario, int data, int zero_stage) {
  const auto parameters = static_cast<double>(count_parameters(scenario.model).total());
  constexpr double kWeights = 2, kOptimizer = 12;
  return parameters * (kWeights * data + kOptimizer * (zero_stage >= 1 ? 1 : data));
}

Reconfiguration reconfigure(const Scenario& before, const std::optional<Scenario>& kept, int nodes,
                            const SearchOptions& options, const ChangeCosts& costs) {
  Comparison comparison(before, options, costs);
  Reconfiguration out;
  std::optional<Plan> same;
  if (kept) same = stated_plan(*kept, options);
  comparison.add("same stages, whole replicas", std::move(same), "no room for one replica",
                 costs.restart_s);

  SearchOptions search = options;
  search.top = 1;
  search.space.gpus.clear();
  for (int count = nodes; count >= std::max(1, nodes - nodes / kUnusedShare); --count) {
    search.space.gpus.push_back(count * before.cluster.gpus_per_node);
  }
  const auto best = [&](std::string what, const SearchOptions& within) {
    SearchResult found;
    std::string problem = "no plan of the kind fits in memory";
    try {
      found = search_plans(before, within);
    } catch (const InputError& error) {
      problem = error.diagnostics().front().hint;
    }
    std::optional<Plan> plan;
    if (!found.best.empty()) plan = std::move(found.best.front());
    comparison.add(std::move(what), std::move(plan), problem, costs.restart_s);
    return std::move(found.counts);
  };
  SearchOptions same_stages = search;
  same_stages.space.pipeline = {before.parallelism.pipeline};
  best(fmt::format("best plan with {} stages", before.parallelism.pipeline), same_stages);
  out.counts = best("best plan", search);
  if (costs.repair_s && comparison.old()) {
    comparison.add("wait for the repair", comparison.old(), "", costs.restart_s + *costs.repair_s);
  }
  out.options = comparison.take();
  out.assumptions = {
      fmt::format("restart: {:.0f} s from the change until processes run again", costs.restart_s),
      fmt::format("storage: checkpoints are read at {:.0f} GB/s by all nodes together; 2 bytes a "
                  "parameter for each replica's weights, 12 for the optimizer's state",
                  costs.storage.base() / 1e9),
      fmt::format("checkpoints: every {:.0f} s, so that half of it is done again",
                  costs.checkpoint_interval_s),
      fmt::format("horizon: progress is counted over {:.1f} h", costs.horizon_s / 3600)};
  if (costs.repair_s) {
    out.assumptions.push_back(
        fmt::format("repair: the old cluster is whole after {:.1f} h", *costs.repair_s / 3600));
  }
  return out;
}

}  // namespace plumbline
