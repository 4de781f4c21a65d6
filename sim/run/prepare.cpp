// The order matters: a schedule's placement decides which hops exist, hops have prices, and a
// searched schedule is searched for those prices.

#include "sim/run/prepare.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "schedules/catalog.h"
#include "schedules/pytorch_csv.h"
#include "sim/run/offload.h"

namespace plumbline {
namespace {

[[noreturn]] void fail(std::string path, std::string problem, std::string hint) {
  throw InputError({Diagnostic{{}, std::move(path), std::move(problem), std::move(hint)}});
}

// A schedule of the same placement with few micro-batches: where every stage lives.
std::shared_ptr<const Schedule> placement_sample(const Scenario& scenario,
                                                 const PipelineShape& shape,
                                                 ScheduleMemo& schedules) {
  PipelineShape few = shape;
  few.microbatches = 2 * shape.stages_per_chunk;
  // A searched schedule has its placement whatever it finds.
  ScheduleOptions options;
  const ScheduleEntry* entry = find_schedule(scenario.schedule.name);
  if (entry != nullptr && entry->takes("search_budget")) {
    few.microbatches = 1;
    options.search_budget = 1;
  }
  return schedules.generate(scenario.schedule.name, few, options);
}

/// The schedules whose order no price changes, as long as none is searched for.
constexpr std::array<std::string_view, 11> kRegardlessOfCosts{
    "gpipe",      "1f1b",    "interleaved_1f1b", "looped_bfs", "interleaved_zb", "dualpipe",
    "dualpipe_v", "chimera", "hanayo",           "pipedream",  "pipedream_2bw"};

UnitCosts unit_costs(const TrainingCosts& costs) {
  UnitCosts unit;
  for (std::size_t s = 0; s < costs.stages.size(); ++s) {
    const StageCost& stage = costs.stages[s];
    unit.forward_by_stage.push_back(stage.forward.total().base());
    unit.input_grad_by_stage.push_back(stage.input_grad.total().base());
    unit.weight_grad_by_stage.push_back(stage.weight_grad.total().base());
    if (s + 1 == costs.stages.size()) continue;
    unit.comm_by_stage.push_back(
        max(costs.forward_hop[s].latency, costs.backward_hop[s + 1].latency).base());
  }
  return unit;
}

Schedule from_csv(const Scenario& scenario, const ParallelPlan& plan) {
  Schedule schedule = load_pytorch_csv(*scenario.schedule.csv_path).schedule;
  if (schedule.num_ranks() != plan.pipeline) {
    fail("schedule.csv",
         "the file has " + std::to_string(schedule.num_ranks()) +
             " ranks, parallelism.pipeline is " + std::to_string(plan.pipeline),
         "set parallelism.pipeline to " + std::to_string(schedule.num_ranks()));
  }
  if (schedule.shape.microbatches != plan.microbatches) {
    fail("schedule.csv",
         "the file has " + std::to_string(schedule.shape.microbatches) +
             " micro-batches, the batch makes " + std::to_string(plan.microbatches),
         "set training.global_batch_size to " +
             std::to_string(scenario.training.micro_batch_size * plan.data *
                            schedule.shape.microbatches));
  }
  return schedule;
}

// Relative costs of a layer, the embedding and the head, for `layers_per_stage: balanced`.
LayerWeights layer_weights(const Scenario& scenario, const KernelTimes& kernels) {
  ParallelOptions whole = scenario.parallelism;
  whole.virtual_stages = 1;
  LayerSplitOptions one_each;
  ParallelPlan plan = make_plan(
      scenario.model, scenario.cluster, whole,
      [&] {
        // Any legal split serves: only single layers are priced.
        LayerSplitOptions given;
        given.split = LayerSplit::kGiven;
        const int layers = static_cast<int>(scenario.model.layers);
        given.given.assign(static_cast<std::size_t>(whole.pipeline), layers / whole.pipeline);
        given.given.back() += layers % whole.pipeline;
        return given;
      }(),
      scenario.training);
  // One stage per layer, so that a stage's cost is a layer's; the ends also carry theirs.
  plan.stages.clear();
  for (int layer = 0; layer < scenario.model.layers; ++layer) {
    plan.stages.push_back({layer, layer + 1, false, false});
  }
  plan.stages.push_back({0, 0, true, false});
  plan.stages.push_back({0, 0, false, true});
  plan.stage_rank = {std::vector<int>(plan.stages.size(), 0)};
  const TrainingCosts costs =
      price_training(scenario.model, scenario.cluster, plan, scenario.training, kernels);
  LayerWeights weights;
  const auto both = [&](std::size_t s) {
    return (costs.stages[s].forward.total() + costs.stages[s].backward.total()).base();
  };
  const auto layers = static_cast<std::size_t>(scenario.model.layers);
  for (std::size_t s = 0; s < layers; ++s) weights.layer.push_back(both(s));
  weights.embedding = both(layers);
  weights.head = both(layers + 1);
  return weights;
}

}  // namespace

std::shared_ptr<const Schedule> ScheduleMemo::generate(const std::string& name,
                                                       const PipelineShape& shape,
                                                       const ScheduleOptions& options) {
  ScheduleOptions asked = options;
  if (!asked.max_live_activations &&
      std::ranges::find(kRegardlessOfCosts, name) != kRegardlessOfCosts.end()) {
    asked.costs = {};
  }
  const auto found = std::ranges::find_if(recent_, [&](const Entry& entry) {
    return entry.name == name && entry.shape == shape && entry.options == asked;
  });
  if (found != recent_.end()) {
    std::rotate(recent_.begin(), found, found + 1);
    return recent_.front().schedule;
  }
  auto schedule = std::make_shared<const Schedule>(generate_schedule(name, shape, options));
  if (recent_.size() == kMost) recent_.pop_back();
  recent_.insert(recent_.begin(), Entry{name, shape, std::move(asked), schedule});
  ++generated_;
  return schedule;
}

Prepared prepare(const Scenario& scenario) {
  return prepare(scenario, KernelTimes(scenario.cluster));
}

Prepared prepare(const Scenario& scenario, const KernelTimes& kernels, PrepareMemo* memo) {
  PrepareMemo none;
  if (memo == nullptr) memo = &none;
  Prepared out;
  ParallelOptions options = scenario.parallelism;
  const ScheduleEntry* entry =
      scenario.schedule.csv_path ? nullptr : find_schedule(scenario.schedule.name);
  const int chunks = options.virtual_stages;
  PipelineShape shape{options.pipeline, chunks, 1};
  std::vector<std::vector<int>> stage_rank;
  // More ranks than GPUs: said with everything else that is wrong, before a schedule is made.
  if (options.pipeline > scenario.cluster.gpus()) {
    make_plan(scenario.model, scenario.cluster, options, scenario.layer_split, scenario.training);
  }
  if (entry) {
    const auto sample = placement_sample(scenario, shape, memo->schedules);
    stage_rank = sample->stage_rank;
    // A bidirectional schedule has P stages, each on two ranks, whatever `chunks` says.
    options.virtual_stages = std::max(1, sample->num_stages() / std::max(1, options.pipeline));
  } else {
    const Schedule given = load_pytorch_csv(*scenario.schedule.csv_path).schedule;
    stage_rank = given.stage_rank;
    options.virtual_stages = std::max(1, given.num_stages() / std::max(1, options.pipeline));
  }

  LayerWeights weights;
  if (scenario.layer_split.split == LayerSplit::kBalanced) {
    weights = layer_weights(scenario, kernels);
  }
  out.plan = make_plan(scenario.model, scenario.cluster, options, scenario.layer_split,
                       scenario.training, weights);
  out.plan.stage_rank = stage_rank;
  if (!entry) from_csv(scenario, out.plan);  // its shape is checked before anything is priced
  out.costs = price_training(scenario.model, scenario.cluster, out.plan, scenario.training, kernels,
                             &memo->layers);

  if (entry) {
    ScheduleOptions generate;
    generate.max_live_activations = scenario.schedule.max_live_activations;
    const auto budget = scenario.schedule.options.find("search_budget");
    if (budget != scenario.schedule.options.end()) {
      generate.search_budget = std::stoi(budget->second);
    }
    generate.microbatch_group_size = scenario.schedule.microbatch_group_size;
    generate.eager = scenario.schedule.eager;
    generate.delay_weight_grad = scenario.schedule.delay_weight_grad;
    generate.kept_for_weight_grad = scenario.schedule.kept_for_weight_grad;
    generate.interleaved_rule = InterleavedRule::kMegatron;
    generate.costs = unit_costs(out.costs);
    shape.microbatches = out.plan.microbatches;
    out.schedule = memo->schedules.generate(scenario.schedule.name, shape, generate);
  } else {
    out.schedule = std::make_shared<const Schedule>(from_csv(scenario, out.plan));
  }
  if (scenario.training.optimizer_post_validation && !out.schedule->flushes) {
    fail("training.optimizer_post_validation",
         "needs a schedule that flushes; " + out.schedule->name + " never waits for an optimizer",
         "leave it out");
  }
  if (scenario.model.mtp_layers > 0) {
    out.assumptions.push_back(
        "model.mtp_layers: " + std::to_string(scenario.model.mtp_layers) +
        " (multi-token prediction counts in FLOPs and memory; its time is not "
        "priced)");
  }
  if (scenario.model.moe && out.plan.tensor > 1 && !out.plan.sequence_parallel) {
    out.assumptions.push_back(
        "parallelism.sequence_parallel: false (the dispatcher's tokens are split over the tensor "
        "ranks all the same; Megatron refuses mixtures of experts without sequence parallelism)");
  }
  if (scenario.model.moe && out.plan.tensor > 1 && !scenario.parallelism.expert_tensor) {
    out.assumptions.push_back(
        "parallelism.expert_tensor: " + std::to_string(out.plan.expert_tensor) +
        (out.plan.expert_tensor > 1
             ? " (default: as tensor, as Megatron-LM)"
             : " (default: expert x tensor does not divide a stage's GPUs)"));
  }
  out.memory = memory_model(scenario.model, scenario.cluster, out.plan, scenario.training,
                            out.schedule->replicas);
  offload_activations(scenario, out);
  const std::vector<int>& versions = out.schedule->weight_versions;
  for (std::size_t rank = 0; rank < versions.size(); ++rank) {
    Bytes& weights = out.memory.rank_static[rank].weights;
    weights = static_cast<double>(versions[rank]) * weights;
  }
  if (!versions.empty() && *std::ranges::max_element(versions) > 1) {
    out.assumptions.push_back("memory: " + out.schedule->name + " keeps up to " +
                              std::to_string(*std::ranges::max_element(versions)) +
                              " versions of the weights on a rank, each as large as the one in "
                              "use; the optimizer has one");
  }
  return out;
}

}  // namespace plumbline
