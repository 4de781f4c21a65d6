#include "sim/run/serving_cases.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "sim/kernels/csv_table.h"
#include "sim/kernels/kernel_times.h"
#include "sim/serving/serving_plan.h"
#include "sim/serving/step_prices.h"

namespace plumbline {
namespace {

/// One plan of the scenario's model with its prices.
struct Planned {
  ServingOptions options;
  ServingResources resources;
  std::unique_ptr<StepPrices> prices;
};

}  // namespace

std::vector<ServingCase> serving_cases(const Scenario& scenario) {
  const std::string& path = scenario.measured->cases;
  const CsvTable csv = CsvTable::parse(read_file(path), path);
  const auto column = [&](const char* name) { return csv.numbers(name); };
  const auto tensor = column("tensor"), expert = column("expert"), prompt = column("prompt_tokens"),
             output = column("output_tokens"), users = column("users"), ttft = column("ttft_s"),
             tpot = column("tpot_s");
  std::vector<ServingCase> cases;
  double most = 1, longest = 1;
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    ServingCase one;
    one.line = static_cast<int>(i) + 2;
    one.tensor = static_cast<int>(tensor[i]);
    one.expert = static_cast<int>(expert[i]);
    one.load = {static_cast<std::int64_t>(users[i]), static_cast<std::int64_t>(prompt[i]),
                static_cast<std::int64_t>(output[i])};
    one.ttft_s = ttft[i];
    one.tpot_s = tpot[i];
    most = std::max(most, users[i]);
    longest = std::max(longest, prompt[i] + output[i]);
    cases.push_back(one);
  }

  const KernelTimes kernels(scenario.cluster);
  std::map<std::pair<int, int>, Planned> plans;
  for (ServingCase& one : cases) {
    Planned& planned = plans[{one.tensor, one.expert}];
    if (!planned.prices && planned.resources.fits) {
      planned.options = *scenario.serving;
      BatchingOptions& batching = planned.options.batching;
      batching.max_num_seqs =
          std::max<std::int64_t>(batching.max_num_seqs, static_cast<std::int64_t>(most));
      planned.options.max_model_len = static_cast<std::int64_t>(longest);
      ParallelOptions parallelism = scenario.parallelism;
      parallelism.tensor = one.tensor;
      parallelism.expert = one.expert;
      parallelism.data = 1;
      Cluster cluster = scenario.cluster;
      // As many GPUs as the plan has, in the scenario's kind of node.
      cluster.gpus_per_node = std::min(cluster.gpus_per_node, one.tensor);
      cluster.nodes = (one.tensor + cluster.gpus_per_node - 1) / cluster.gpus_per_node;
      const ParallelPlan plan =
          make_serving_plan(scenario.model, cluster, parallelism, planned.options);
      const ServedModel served{scenario.model, cluster, plan, planned.options, kernels};
      planned.resources = serving_resources(served);
      if (planned.resources.fits) planned.prices = make_step_prices(served);
    }
    one.fits = planned.resources.fits;
    if (one.fits) {
      one.predicted =
          steady_closed_loop(planned.options, planned.resources, *planned.prices, one.load);
    }
  }
  return cases;
}

}  // namespace plumbline
