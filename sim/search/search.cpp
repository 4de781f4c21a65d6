// Plans are taken in the order of their bounds, in rounds of a fixed size, so that what is
// simulated does not depend on how many work at it.  The search ends where the next bound is worse
// than the score of the last of the best: every plan behind it is worse still.

#include "sim/search/search.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>

#include "sim/measure/lower_bound.h"
#include "sim/run/prepare.h"
#include "sim/search/bounds.h"

namespace plumbline {
namespace {

constexpr std::size_t kRound = 32;

double tokens_of(const Scenario& base, const Candidate& candidate) {
  return static_cast<double>(candidate.global_batch_size) *
         static_cast<double>(base.training.sequence_length);
}

Bytes limit_of(const Scenario& base, const SearchOptions& options) {
  const Bytes usable = base.cluster.device.usable_memory;
  return options.max_memory ? min(usable, *options.max_memory) : usable;
}

enum class Verdict { kImpossible, kMemoryBound, kMemory, kFullBound, kSimulated };

struct Outcome {
  Verdict verdict = Verdict::kImpossible;
  std::string why;  ///< of kImpossible
  std::optional<Plan> plan;
};

/// What threads take, use and give back: layer prices, kernel tables and schedules that plans
/// share. Nothing of it changes an answer.
class Workers {
 public:
  struct Worker {
    PrepareMemo memo;
    SimulationSession session;
  };
  std::unique_ptr<Worker> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Worker>();
    std::unique_ptr<Worker> worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
  }
  void give_back(std::unique_ptr<Worker> worker) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

class Search {
 public:
  Search(const Scenario& base, const SearchOptions& options)
      : base_(base),
        options_(options),
        limit_(limit_of(base, options)),
        kernels_(base.cluster, options.scale),
        book_(kernels_) {}

  SearchResult run() {
    Enumeration all = enumerate(base_, options_.space, book_, traits_);
    counts_.combinations = all.combinations;
    counts_.impossible = std::move(all.impossible);
    counts_.legal = static_cast<std::int64_t>(all.legal.size());
    if (all.legal.empty()) refuse();
    order_by_bound(all.legal);
    for (std::size_t next = 0; next < order_.size();) {
      if (options_.progress) options_.progress(next, order_.size());
      if (options_.prune && beaten(bounds_[order_[next]])) {
        counts_.time_bound += static_cast<std::int64_t>(order_.size() - next);
        break;
      }
      next += round(all.legal, next);
    }
    if (options_.progress) options_.progress(order_.size(), order_.size());
    SearchResult result;
    result.counts = std::move(counts_);
    for (auto& [index, plan] : best_) result.best.push_back(std::move(plan));
    return result;
  }

 private:
  [[noreturn]] void refuse() const {
    std::string reasons;
    for (const auto& [path, count] : counts_.impossible) {
      reasons += (reasons.empty() ? "" : ", ") + path + " " + std::to_string(count) + " times";
    }
    if (reasons.empty()) {
      reasons = "no groups fill the GPUs, or the batch does not divide";
    } else {
      reasons = "what forbids them: " + reasons;
    }
    throw InputError({diagnose("plan", "no combination of the lists is a plan", reasons)});
  }

  void order_by_bound(const std::vector<BoundedCandidate>& legal) {
    for (const BoundedCandidate& each : legal) {
      bounds_.push_back(options_.objective.score(each.time_bound.base(), each.candidate.gpus,
                                                 tokens_of(base_, each.candidate)));
    }
    order_.resize(legal.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::stable_sort(order_, {}, [&](std::size_t i) { return bounds_[i]; });
  }

  /// Whether a plan of that score is surely not among the best.
  bool beaten(double score) const {
    return best_.size() >= options_.top && score > best_.back().second.score;
  }

  std::size_t round(const std::vector<BoundedCandidate>& legal, std::size_t first) {
    const std::size_t count = std::min(kRound, order_.size() - first);
    std::vector<Outcome> outcomes(count);
    const auto work = [&](std::size_t i) {
      std::unique_ptr<Workers::Worker> worker = workers_.take();
      outcomes[i] = judge(legal[order_[first + i]], *worker);
      workers_.give_back(std::move(worker));
    };
    if (options_.for_each) {
      options_.for_each(count, work);
    } else {
      for (std::size_t i = 0; i < count; ++i) work(i);
    }
    for (std::size_t i = 0; i < count; ++i) take(order_[first + i], std::move(outcomes[i]));
    return count;
  }

  Outcome judge(const BoundedCandidate& bounded, Workers::Worker& worker) const try {
    const Candidate& candidate = bounded.candidate;
    const Scenario scenario = apply(base_, candidate);
    Outcome outcome;
    if (options_.prune &&
        memory_bound(*bounded.traits, memory(scenario, *bounded.traits)) > limit_) {
      outcome.verdict = Verdict::kMemoryBound;
      return outcome;
    }
    const Prepared prepared = prepare(scenario, kernels_, &worker.memo);
    if (options_.prune) {
      if (peak_memory(*prepared.schedule, prepared.memory) > limit_) {
        outcome.verdict = Verdict::kMemory;
        return outcome;
      }
      const SimTime bound = lower_bound(*prepared.schedule, prepared.costs, {});
      if (beaten(options_.objective.score(to_seconds(bound).base(), candidate.gpus,
                                          tokens_of(base_, candidate)))) {
        outcome.verdict = Verdict::kFullBound;
        return outcome;
      }
    }
    outcome.verdict = Verdict::kSimulated;
    outcome.plan = evaluate(base_, candidate, options_, worker.session);
    return outcome;
  } catch (const InputError& error) {
    Outcome outcome;
    outcome.why = error.diagnostics().front().path;
    return outcome;
  }

  /// The memory of a plan under the placement of its schedule.
  static MemoryModel memory(const Scenario& scenario, const ScheduleTraits& traits) {
    ParallelOptions groups = scenario.parallelism;
    groups.virtual_stages = std::max(1, traits.num_stages() / groups.pipeline);
    ParallelPlan plan = make_plan(scenario.model, scenario.cluster, groups, scenario.layer_split,
                                  scenario.training);
    plan.stage_rank = traits.stage_rank;
    return memory_model(scenario.model, scenario.cluster, plan, scenario.training, traits.replicas);
  }

  void take(std::size_t index, Outcome outcome) {
    switch (outcome.verdict) {
      case Verdict::kImpossible:
        ++counts_.impossible[outcome.why];
        --counts_.legal;
        return;
      case Verdict::kMemoryBound:
        ++counts_.memory_bound;
        return;
      case Verdict::kMemory:
        ++counts_.memory;
        return;
      case Verdict::kFullBound:
        ++counts_.full_bound;
        return;
      case Verdict::kSimulated:
        ++counts_.simulated;
        break;
    }
    if (!outcome.plan->fits) return;
    const auto before = [](const auto& a, const auto& b) {
      return std::pair(a.second.score, a.first) < std::pair(b.second.score, b.first);
    };
    std::pair entry(index, *std::move(outcome.plan));
    best_.insert(std::ranges::upper_bound(best_, entry, before), std::move(entry));
    if (best_.size() > options_.top) best_.pop_back();
  }

  const Scenario& base_;
  const SearchOptions& options_;
  const Bytes limit_;
  const KernelTimes kernels_;
  PriceBook book_;
  TraitsTable traits_;
  Workers workers_;
  std::vector<double> bounds_;                      ///< [legal] scores
  std::vector<std::size_t> order_;                  ///< of the legal candidates, best bound first
  std::vector<std::pair<std::size_t, Plan>> best_;  ///< with their place in the space
  SearchCounts counts_;
};

}  // namespace

void require_training(const Scenario& scenario) {
  if (!scenario.serving) return;
  throw locate(InputError({diagnose("serving", "is not searched: plan looks for training plans",
                                    "plumbline sweep goes over what serves, for example "
                                    "--over parallelism.pipeline=1,2,4 --find max_rate")}),
               scenario);
}

SearchResult search_plans(const Scenario& base, const SearchOptions& options) {
  require_training(base);
  return Search(base, options).run();
}

Plan evaluate(const Scenario& base, const Candidate& candidate, const SearchOptions& options) {
  SimulationSession session;
  return evaluate(base, candidate, options, session);
}

Plan evaluate(const Scenario& base, const Candidate& candidate, const SearchOptions& options,
              SimulationSession& session) {
  Plan plan;
  plan.candidate = candidate;
  RunOptions how;
  how.scale = options.scale;
  plan.result = session.simulate(apply(base, candidate), how).result;
  const TrainingResult& training = plan.result.training;
  plan.score = options.objective.score(training.iteration_time_s, candidate.gpus,
                                       tokens_of(base, candidate));
  plan.fits = training.peak_memory_bytes <= limit_of(base, options).base();
  return plan;
}

}  // namespace plumbline
