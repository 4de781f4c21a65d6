#include "sim/search/why.h"

#include <algorithm>
#include <utility>

#include "schedules/catalog.h"
#include "sim/run/run.h"

namespace plumbline {
namespace {

/// The space whose only point, up to the split of the layers, is `candidate`.
SearchSpace only(const Candidate& c) {
  SearchSpace space;
  space.gpus = {c.gpus};
  space.tensor = {c.tensor};
  space.pipeline = {c.pipeline};
  space.context = {c.context};
  space.expert = {c.expert};
  space.expert_tensor = {c.expert_tensor};
  space.virtual_stages = {c.virtual_stages};
  space.zero_stage = {c.zero_stage};
  space.micro_batch_size = {c.micro_batch_size};
  space.global_batch_size = {c.global_batch_size};
  space.recompute = {c.recompute};
  space.schedules = {c.schedule};
  space.zero3_with_pipeline = true;
  return space;
}

SearchOptions within(const SearchOptions& options, SearchSpace space) {
  SearchOptions narrow = options;
  narrow.space = std::move(space);
  narrow.top = 1;
  narrow.progress = nullptr;
  return narrow;
}

/// The best plan of a space that fits; else the first one, by its bound, that does not.
Alternative best_of(const Scenario& base, std::string what, const SearchOptions& options) {
  Alternative out;
  out.what = std::move(what);
  try {
    SearchResult found = search_plans(base, options);
    if (!found.best.empty()) {
      out.plan = std::move(found.best.front());
      return out;
    }
    out.problem = "no plan of the kind fits in memory";
  } catch (const InputError& error) {
    const Diagnostic& first = error.diagnostics().front();
    out.problem = first.hint.empty() ? first.problem : first.problem + " (" + first.hint + ")";
  }
  return out;
}

/// A single plan, fitting or not; nothing where it is none.
std::optional<Plan> single(const Scenario& base, const Candidate& candidate,
                           const SearchOptions& options, SimulationSession& session) {
  SearchOptions narrow = within(options, only(candidate));
  narrow.prune = false;
  const KernelTimes kernels(base.cluster, options.scale);
  PriceBook book(kernels);
  TraitsTable traits;
  std::optional<Plan> best;
  try {
    for (const BoundedCandidate& each : enumerate(base, narrow.space, book, traits).legal) {
      Plan plan = evaluate(base, each.candidate, narrow, session);
      const auto rank = [](const Plan& p) { return std::pair(!p.fits, p.score); };
      if (!best || rank(plan) < rank(*best)) best = std::move(plan);
    }
  } catch (const InputError&) {
    return std::nullopt;
  }
  return best;
}

/// Collects the neighbours of one candidate.
class Neighbours {
 public:
  Neighbours(const Scenario& base, const Plan& winner, const SearchOptions& options)
      : base_(base), winner_(winner.candidate), options_(options) {}

  std::vector<Alternative> run() {
    doubled_and_halved("tensor", &Candidate::tensor);
    doubled_and_halved("pipeline", &Candidate::pipeline);
    doubled_and_halved("context", &Candidate::context);
    if (base_.model.moe) doubled_and_halved("expert", &Candidate::expert);
    virtual_stages();
    for (const std::int64_t size : {2 * winner_.micro_batch_size, winner_.micro_batch_size / 2}) {
      if (size < 1) continue;
      Candidate next = winner_;
      next.micro_batch_size = size;
      add("micro-batch " + std::to_string(size), next);
    }
    for (const RecomputeChoice& choice : options_.space.recompute) {
      if (choice == winner_.recompute) continue;
      Candidate next = winner_;
      next.recompute = choice;
      add("recompute " + to_string(choice), next);
    }
    for (const std::string& name : options_.space.schedules) {
      if (name == winner_.schedule || winner_.pipeline == 1) continue;
      Candidate next = winner_;
      next.schedule = name;
      const int chunks = find_schedule(name)->default_chunks;
      if (chunks == 1) next.virtual_stages = 1;
      if (chunks == 2) next.virtual_stages = std::max(2, winner_.virtual_stages);
      if (!add(name, next) && chunks == 2) {
        next.virtual_stages = 2;
        add(name, next);
      }
    }
    return std::move(out_);
  }

 private:
  void doubled_and_halved(const std::string& name, int Candidate::*size) {
    for (const int value : {winner_.*size * 2, winner_.*size / 2}) {
      if (value < 1) continue;
      Candidate next = winner_;
      next.*size = value;
      const int group = next.tensor * next.pipeline * next.context;
      if (next.gpus % group != 0) continue;
      next.data = next.gpus / group;
      if (next.pipeline == 1) {
        next.schedule = "1f1b";
        next.virtual_stages = 1;
      }
      add(name + " " + std::to_string(value), next);
    }
  }

  void virtual_stages() {
    const int now = winner_.virtual_stages;
    if (winner_.pipeline == 1 || winner_.schedule != "interleaved_1f1b") return;
    for (const int chunks : {now * 2, now / 2}) {
      if (chunks < 2) continue;
      Candidate next = winner_;
      next.virtual_stages = chunks;
      add("virtual stages " + std::to_string(chunks), next);
    }
  }

  bool add(std::string what, const Candidate& candidate) {
    std::optional<Plan> plan = single(base_, candidate, options_, session_);
    if (!plan) return false;
    out_.push_back({std::move(what), std::move(plan), {}});
    return true;
  }

  const Scenario& base_;
  const Candidate& winner_;
  const SearchOptions& options_;
  SimulationSession session_;
  std::vector<Alternative> out_;
};

}  // namespace

std::vector<Alternative> one_change(const Scenario& base, const Plan& winner,
                                    const SearchOptions& options) {
  return Neighbours(base, winner, options).run();
}

std::vector<Alternative> popular_plans(const Scenario& base, const SearchOptions& options) {
  std::vector<Alternative> out;
  Alternative stated;
  stated.what = "as the scenario states";
  try {
    Plan plan;
    plan.candidate = candidate_of(base).value_or(Candidate{});
    RunOptions how;
    how.scale = options.scale;
    plan.result = simulate(base, how).result;
    const TrainingResult& training = plan.result.training;
    plan.score = options.objective.score(
        training.iteration_time_s, base.cluster.gpus(),
        static_cast<double>(base.training.global_batch_size * base.training.sequence_length));
    const Bytes usable = base.cluster.device.usable_memory;
    const Bytes limit = options.max_memory ? min(usable, *options.max_memory) : usable;
    plan.fits = training.peak_memory_bytes <= limit.base();
    stated.plan = std::move(plan);
  } catch (const InputError& error) {
    stated.problem = error.diagnostics().front().path + ": " + error.diagnostics().front().problem;
  }
  out.push_back(std::move(stated));

  const auto kind = [&](const char* what, const auto& narrow) {
    SearchSpace space = options.space;
    narrow(space);
    out.push_back(best_of(base, what, within(options, std::move(space))));
  };
  const int node = base.cluster.gpus_per_node;
  if (base.cluster.gpus() >= node && node > 1) {
    kind("tensor parallelism over the whole node, 1F1B", [&](SearchSpace& space) {
      space.tensor = {node};
      space.context = {1};
      space.zero_stage = {1};
      space.schedules = {"1f1b"};
    });
  }
  kind("plain TP 8, PP 8, 1F1B, micro-batch 1", [](SearchSpace& space) {
    space.tensor = {8};
    space.pipeline = {8};
    space.context = {1};
    space.zero_stage = {1};
    space.micro_batch_size = {1};
    space.schedules = {"1f1b"};
    space.balanced_layers = false;
  });
  kind("no tensor parallelism: pipeline and data only", [](SearchSpace& space) {
    space.tensor = {1};
    space.context = {1};
    space.zero_stage = {1};
  });
  kind("ZeRO-3 without pipeline (FSDP)", [](SearchSpace& space) {
    space.pipeline = {1};
    space.zero_stage = {3};
  });
  kind("1F1B without virtual stages", [](SearchSpace& space) {
    space.schedules = {"1f1b"};
    space.zero_stage = {1};
  });
  kind("GPipe", [](SearchSpace& space) {
    space.schedules = {"gpipe"};
    std::erase(space.pipeline, 1);
    space.zero_stage = {1};
  });
  return out;
}

}  // namespace plumbline
