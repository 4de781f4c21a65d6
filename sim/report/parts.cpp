// One list per kind of part: key for programs, label for people.
#include "sim/report/parts.h"

#include <algorithm>
#include <cmath>

namespace plumbline {

std::array<NamedPart, 10> parts_of(const Breakdown& b) {
  return {{{"compute", "compute", b.compute},
           {"recompute", "recompute", b.recompute},
           {"tensor_comm", "tensor comm", b.tensor_comm},
           {"context_comm", "context comm", b.context_comm},
           {"pipeline_comm", "pipeline comm", b.pipeline_comm},
           {"data_comm", "data comm", b.data_comm},
           {"expert_comm", "expert comm", b.expert_comm},
           {"bubble", "bubble", b.bubble},
           {"host", "host", b.host},
           {"optimizer", "optimizer", b.optimizer}}};
}

std::vector<NamedPart> parts_of(const IdleCauses& c, bool every_cause) {
  std::vector<NamedPart> parts{{"warm_up", "warm-up", c.warm_up},
                               {"drain", "drain", c.drain},
                               {"imbalance", "imbalance", c.imbalance},
                               {"dependency", "dependency", c.dependency},
                               {"forward_comm", "activation transfer", c.forward_comm},
                               {"backward_comm", "gradient transfer", c.backward_comm},
                               {"slow_link", "slow link", c.slow_link}};
  if (every_cause || c.host_copies > 0) {
    parts.push_back({"host_copies", "copies from the host", c.host_copies});
  }
  return parts;
}

std::array<NamedPart, 8> parts_of(const MemoryBreakdown& m) {
  return {{{"weights", "weights", m.weights.base()},
           {"gradients", "gradients", m.gradients.base()},
           {"optimizer", "optimizer", m.optimizer.base()},
           {"activations", "activations", m.activations.base()},
           {"logits", "logits", m.logits.base()},
           {"communication", "communication", m.communication.base()},
           {"workspace", "workspace", m.workspace.base()},
           {"framework", "framework", m.framework.base()}}};
}

IdleCauses mean_idle_causes(const TrainingResult& training) {
  IdleCauses mean;
  const double n = static_cast<double>(training.ranks.size());
  for (const RankResult& rank : training.ranks) {
    const IdleCauses& c = rank.idle_by_cause;
    mean.warm_up += c.warm_up / n;
    mean.drain += c.drain / n;
    mean.imbalance += c.imbalance / n;
    mean.dependency += c.dependency / n;
    mean.forward_comm += c.forward_comm / n;
    mean.backward_comm += c.backward_comm / n;
    mean.slow_link += c.slow_link / n;
    mean.host_copies += c.host_copies / n;
  }
  return mean;
}

const RankResult* fullest_rank(const TrainingResult& training) {
  const auto fullest = std::ranges::max_element(
      training.ranks, {}, [](const RankResult& rank) { return rank.peak.total().base(); });
  return fullest == training.ranks.end() ? nullptr : &*fullest;
}

const RankResult* busiest_rank(const TrainingResult& training) {
  const auto busiest = std::ranges::max_element(training.ranks, {}, &RankResult::busy_s);
  return busiest == training.ranks.end() ? nullptr : &*busiest;
}

int gpus_of(const TrainingResult& training) {
  if (training.tokens_per_s_per_gpu <= 0) return 0;
  return static_cast<int>(std::lround(training.tokens_per_s / training.tokens_per_s_per_gpu));
}

}  // namespace plumbline
