#include "sim/search/space.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "schedules/catalog.h"
#include "sim/plan/layer_split.h"
#include "sim/search/bounds.h"

namespace plumbline {
namespace {

constexpr std::int64_t kLeastTokensOfAContextRank = 4096;
constexpr int kLargestMicroBatch = 16;

template <typename Number>
void insert(std::vector<Number>& list, Number value) {
  const auto at = std::ranges::lower_bound(list, value);
  if (at == list.end() || *at != value) list.insert(at, value);
}

std::vector<int> powers_of_two(std::int64_t most) {
  std::vector<int> list;
  for (int value = 1; value <= most; value *= 2) list.push_back(value);
  return list;
}

std::vector<int> divisors(int number, int most) {
  std::vector<int> list;
  for (int value = 1; value <= std::min(number, most); ++value) {
    if (number % value == 0) list.push_back(value);
  }
  return list;
}

/// Walks the product; each level fixes one dimension and leaves out what cannot fill the rest.
class Walk {
 public:
  Walk(const Scenario& base, const SearchSpace& space, PriceBook& prices, TraitsTable& traits)
      : base_(base), space_(space), prices_(prices), traits_(traits) {}

  Enumeration run() {
    for (const int gpus : space_.gpus) {
      sized_ = base_;
      sized_.cluster = with_gpus(base_.cluster, gpus);
      at_.gpus = gpus;
      groups();
    }
    return std::move(out_);
  }

 private:
  void groups() {
    for (const int tensor : space_.tensor) {
      for (const int context : space_.context) {
        if (at_.gpus % (tensor * context) != 0) continue;
        at_.tensor = tensor;
        at_.context = context;
        const int left = at_.gpus / (tensor * context);
        const int layers = static_cast<int>(base_.model.layers);
        for (const int pipeline :
             space_.pipeline.empty() ? divisors(left, layers) : space_.pipeline) {
          if (left % pipeline != 0) continue;
          at_.pipeline = pipeline;
          at_.data = left / pipeline;
          for (const int expert : space_.expert) {
            at_.expert = expert;
            for (const int expert_tensor : space_.expert_tensor) {
              at_.expert_tensor = expert_tensor;
              batches();
            }
          }
        }
      }
    }
  }

  void batches() {
    for (const std::int64_t global : space_.global_batch_size) {
      for (const std::int64_t micro : space_.micro_batch_size) {
        if (global % (micro * at_.data) != 0) continue;
        at_.global_batch_size = global;
        at_.micro_batch_size = micro;
        bool first_zero = true;
        for (const int zero : space_.zero_stage) {
          // Without replicas there is nothing to split: one of them stands for all.
          if (at_.data * at_.context == 1 && !std::exchange(first_zero, false)) continue;
          if (zero == 3 && at_.pipeline > 1 && !space_.zero3_with_pipeline) continue;
          at_.zero_stage = zero;
          for (const RecomputeChoice& recompute : space_.recompute) {
            at_.recompute = recompute;
            schedules();
          }
        }
      }
    }
  }

  void schedules() {
    plans_.clear();
    for (const std::string& name : space_.schedules) {
      // One rank runs its operations one after the other in any schedule, and 1F1B holds least.
      const bool has_plain = std::ranges::find(space_.schedules, "1f1b") != space_.schedules.end();
      if (at_.pipeline == 1 && has_plain && name != "1f1b") continue;
      at_.schedule = name;
      for (const int chunks : chunks_of(name)) {
        at_.virtual_stages = chunks;
        const ScheduleTraits* traits = traits_.find(name, at_.pipeline, chunks);
        if (traits == nullptr) {
          reject("schedule");
          continue;
        }
        for (const Split& split : splits_for(traits->num_stages())) {
          at_.layers_per_stage = split.given;
          ++out_.combinations;
          const Seconds bound = time_bound(*traits, split.costs, at_.microbatches());
          out_.legal.push_back({at_, bound, traits});
        }
      }
    }
  }

  /// Chunks of a rank: one, or the number that the schedule's placement needs, or those asked for.
  std::vector<int> chunks_of(const std::string& name) const {
    const ScheduleEntry* entry = find_schedule(name);
    if (!takes_any_chunks(*entry)) return {entry->default_chunks};
    // One chunk of an interleaved schedule is the plain one.
    const int least = entry->default_chunks;
    const int layers = static_cast<int>(base_.model.layers);
    std::vector<int> list;
    if (!space_.virtual_stages.empty()) {
      for (const int chunks : space_.virtual_stages) {
        if (chunks >= least && at_.pipeline * chunks <= layers) list.push_back(chunks);
      }
      return list;
    }
    for (int chunks = least; at_.pipeline * chunks <= layers; ++chunks) {
      const bool even = layers % (at_.pipeline * chunks) == 0;
      if (even || chunks == 1 || chunks == 2 || chunks == 4) list.push_back(chunks);
    }
    return list;
  }

  // A loop of any number of chunks, as against placements that are made for one number.
  bool takes_any_chunks(const ScheduleEntry& entry) const {
    return traits_.find(std::string(entry.name), 2, entry.default_chunks + 1) != nullptr;
  }

  struct Split {
    std::vector<int> given;  ///< empty: uniform
    std::vector<StageCost> costs;
  };

  /// The ways to lay the layers on so many stages; none where the plan is impossible.
  const std::vector<Split>& splits_for(int stages) {
    const auto found = plans_.find(stages);
    if (found != plans_.end()) {
      if (found->second.empty()) reject(why_[stages]);
      return found->second;
    }
    std::vector<Split>& splits = plans_[stages];
    at_.layers_per_stage.clear();
    Scenario made = apply(sized_, at_);
    made.parallelism.virtual_stages = std::max(1, stages / at_.pipeline);
    const int layers = static_cast<int>(base_.model.layers);
    const bool even = layers % stages == 0;
    if (!even) made.layer_split = any_split(layers, stages);
    ParallelPlan plan;
    try {
      plan = make_plan(made.model, made.cluster, made.parallelism, made.layer_split, made.training);
    } catch (const InputError& error) {
      why_[stages] = error.diagnostics().front().path;
      reject(why_[stages]);
      return splits;
    }
    const LayerPrices& prices = prices_.prices(made, plan);
    if (even && space_.uniform_layers) {
      splits.push_back({{}, stage_costs(prices, made.model, plan.stages)});
    }
    if (space_.balanced_layers && stages > 1) {
      if (auto split = balanced(made, stages, prices, even)) splits.push_back(*std::move(split));
    }
    if (splits.empty()) {
      why_[stages] = "training.layers_per_stage";
      reject(why_[stages]);
    }
    return splits;
  }

  static LayerSplitOptions any_split(int layers, int stages) {
    LayerSplitOptions split;
    split.split = LayerSplit::kGiven;
    split.given.assign(static_cast<std::size_t>(stages), layers / stages);
    split.given.back() += layers % stages;
    return split;
  }

  std::optional<Split> balanced(const Scenario& made, int stages, const LayerPrices& prices,
                                bool even) {
    LayerSplitOptions options;
    options.split = LayerSplit::kBalanced;
    std::vector<Diagnostic> problems;
    const std::vector<StageLayers> layers =
        split_layers(made.model, at_.pipeline, std::max(1, stages / at_.pipeline), options,
                     layer_weights(prices, made.model), problems);
    if (!problems.empty()) return std::nullopt;
    Split split;
    for (const StageLayers& stage : layers) split.given.push_back(stage.layers());
    if (even && space_.uniform_layers &&
        std::ranges::adjacent_find(split.given, std::not_equal_to<>()) == split.given.end()) {
      return std::nullopt;  // the uniform split again
    }
    split.costs = stage_costs(prices, made.model, layers);
    return split;
  }

  void reject(const std::string& why) {
    ++out_.combinations;
    ++out_.impossible[why];
  }

  const Scenario& base_;
  const SearchSpace& space_;
  PriceBook& prices_;
  TraitsTable& traits_;
  Scenario sized_;  ///< the scenario on at_.gpus GPUs
  Candidate at_;
  std::map<int, std::vector<Split>> plans_;  ///< by number of stages, of the current groups
  std::map<int, std::string> why_;
  Enumeration out_;
};

}  // namespace

SearchSpace default_space(const Scenario& scenario) {
  const Candidate stated = candidate_of(scenario).value_or(Candidate{});
  const Cluster& cluster = scenario.cluster;
  SearchSpace space;
  space.gpus = {cluster.gpus()};
  space.tensor =
      powers_of_two(std::min(cluster.gpus(), std::max(cluster.gpus_per_nvlink_domain, 1)));
  space.context = powers_of_two(
      std::max<std::int64_t>(1, scenario.training.sequence_length / kLeastTokensOfAContextRank));
  space.expert = {1};
  if (scenario.model.moe) {
    space.expert = powers_of_two(scenario.model.moe->experts);
    std::erase_if(space.expert, [&](int e) { return scenario.model.moe->experts % e != 0; });
  }
  space.expert_tensor = {1};
  space.zero_stage = {1, 3};
  for (int size = 1; size <= kLargestMicroBatch; size *= 2) space.micro_batch_size.push_back(size);
  space.global_batch_size = {scenario.training.global_batch_size};
  space.recompute = {
      {Recompute::kNone, {}, {}}, {Recompute::kSelective, {}, {}}, {Recompute::kFull, {}, {}}};
  for (const ScheduleEntry& entry : all_schedules()) {
    if (entry.name == "zb_auto") continue;  // seconds for each plan
    const Schedule probe = entry.generate({2, entry.default_chunks, 4}, {});
    if (probe.flushes) space.schedules.emplace_back(entry.name);
  }
  insert(space.tensor, stated.tensor);
  insert(space.context, stated.context);
  insert(space.expert, stated.expert);
  insert(space.expert_tensor, stated.expert_tensor);
  insert(space.zero_stage, stated.zero_stage);
  insert(space.micro_batch_size, stated.micro_batch_size);
  if (std::ranges::find(space.recompute, stated.recompute) == space.recompute.end()) {
    space.recompute.push_back(stated.recompute);
  }
  return space;
}

Enumeration enumerate(const Scenario& base, const SearchSpace& space, PriceBook& prices,
                      TraitsTable& traits) {
  return Walk(base, space, prices, traits).run();
}

}  // namespace plumbline
