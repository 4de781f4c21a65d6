#include "sim/run/offload.h"

#include <string>
#include <vector>

#include "schedules/build.h"

namespace plumbline {

void offload_activations(const Scenario& scenario, Prepared& prepared) {
  if (!scenario.training.activation_offload) return;
  const ActivationOffload& offload = *scenario.training.activation_offload;
  std::vector<StageMemory>& stages = prepared.memory.stages;
  std::vector<Diagnostic> problems;
  if (!scenario.cluster.host_link) {
    problems.push_back(diagnose("cluster.host_link",
                                "is missing: training.activation_offload copies over it",
                                "pcie4_x16 or pcie5_x16"));
  }
  if (offload.share.size() != 1 && offload.share.size() != stages.size()) {
    problems.push_back(diagnose("training.activation_offload.share",
                                "has " + std::to_string(offload.share.size()) + " entries for " +
                                    std::to_string(stages.size()) + " stages",
                                "one number, or one for each stage"));
  }
  if (!problems.empty()) throw InputError(std::move(problems));

  const LinkSpec& link = *scenario.cluster.host_link;
  prepared.costs.reload_ahead = offload.reload_ahead;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const double share = offload.share.size() == 1 ? offload.share[0] : offload.share[s];
    stages[s].offloaded = share * stages[s].activations;
    HostCopyCost copy;
    if (stages[s].offloaded > Bytes(0)) {
      copy.offload = link.p2p_latency.value + stages[s].offloaded / link.p2p_bandwidth.value;
      copy.reload = copy.offload;
    }
    prepared.costs.host_copy.push_back(copy);
  }
  prepared.assumptions.push_back(
      "activation_offload: both directions of " + link.name +
      " run at its one-way rate beside everything else; a copy back begins " +
      std::to_string(offload.reload_ahead) +
      " operations before its backward; activations needed sooner stay");
}

}  // namespace plumbline
