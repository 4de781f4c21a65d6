#include "sim/run/session_memo.h"

#include <algorithm>
#include <utility>

namespace plumbline {

const KernelTimes& KernelMemo::of(const Cluster& cluster) {
  const auto same_hardware = [&](const Entry& entry) {
    return entry.device == cluster.device && entry.intra_node == cluster.intra_node &&
           entry.inter_node == cluster.inter_node;
  };
  auto found = std::ranges::find_if(recent_, [&](const Entry& entry) {
    return entry.power_limit_w == cluster.power_limit_w && same_hardware(entry);
  });
  if (found != recent_.end()) {
    std::rotate(recent_.begin(), found, found + 1);
    return recent_.front().kernels;
  }
  found = std::ranges::find_if(recent_, same_hardware);
  if (found == recent_.end()) ++read_;
  KernelTimes kernels =
      found == recent_.end() ? KernelTimes(cluster) : found->kernels.at_power_limit_of(cluster);
  if (recent_.size() == kMost) recent_.pop_back();
  recent_.insert(recent_.begin(), Entry{cluster.device, cluster.intra_node, cluster.inter_node,
                                        cluster.power_limit_w, std::move(kernels)});
  return recent_.front().kernels;
}

LoweredStep& StepMemo::lower(const std::shared_ptr<const Schedule>& schedule,
                             const TrainingCosts& costs) {
  for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
    if (entry->schedule != schedule || !entry->pricing.apply(*schedule, costs, entry->step)) {
      continue;
    }
    std::rotate(recent_.begin(), entry, entry + 1);
    ++repriced_;
    return recent_.front().step;
  }
  LoweringOptions options;
  options.fold_transfers = true;
  latest_ = lower_training(*schedule, costs, options);
  ++lowered_;
  if (!see(schedule)) return latest_;
  auto pricing = StepPricing::of(latest_, *schedule, costs);
  if (!pricing) return latest_;
  recent_.insert(recent_.begin(), Entry{schedule, std::move(latest_), *std::move(pricing)});
  latest_ = {};
  forget_oldest();
  return recent_.front().step;
}

bool StepMemo::see(const std::shared_ptr<const Schedule>& schedule) {
  const auto found = std::ranges::find(seen_, schedule);
  const bool before = found != seen_.end();
  if (before) {
    std::rotate(seen_.begin(), found, found + 1);
  } else {
    if (seen_.size() == kMost) seen_.pop_back();
    seen_.insert(seen_.begin(), schedule);
  }
  return before;
}

void StepMemo::forget_oldest() {
  const auto tasks = [&] {
    std::size_t sum = 0;
    for (const Entry& entry : recent_) sum += entry.step.graph.num_tasks();
    return sum;
  };
  while (recent_.size() > 1 && (recent_.size() > kMost || tasks() > kMostTasks)) {
    recent_.pop_back();
  }
}

}  // namespace plumbline
