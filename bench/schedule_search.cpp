// How near to the best is zb_auto, over a grid of shapes, limits and costs?  Prints a table of the
// gaps to the lower bound and of the processor time per search; run by hand.
//
//   schedule_search [--ranks 4,8,16] [--microbatches 1,2,4] [--budget MILLIONS] [--list] [--low]
//                   [--high] [--every N]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "schedules/catalog.h"
#include "schedules/evaluate.h"
#include "schedules/order_proof.h"
#include "schedules/order_seeds.h"

namespace {

using namespace plumbline;

struct Grid {
  std::vector<int> ranks{4, 8, 16};
  std::vector<int> rounds{1, 2, 4, 8};  // micro-batches per rank
  int chunks = 1;
  int budget = 100;
  int every = 1;  // only every N-th case of the grid
  bool list = false;
  bool only_low = false;   // limits below P alone
  bool only_high = false;  // limits from P on alone
};

struct Found {
  double gap = 0.0;
  double seconds = 0.0;
  bool optimal = false;
};

std::vector<int> numbers(const std::string& text) {
  std::vector<int> values;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) values.push_back(std::stoi(part));
  return values;
}

// Stage costs of 8 to 12 tenths, permuted: the same set of stages in an order that is not sorted.
void make_uneven(UnitCosts& costs, int stages, int seed) {
  for (int s = 0; s < stages; ++s) {
    const double scale = 8 + (s * (2 * seed + 3) + seed) % 5;
    costs.forward_by_stage.push_back(costs.forward * scale);
    costs.input_grad_by_stage.push_back(costs.input_grad * scale);
    costs.weight_grad_by_stage.push_back(costs.weight_grad * scale);
  }
  costs.comm *= 10;
}

// Live activations per rank, chunks counting one each.  Two chunks stand in a V: V-Min's limit,
// V-Half's, and from there to ZB-V's.
std::vector<int> limits_of(const Grid& grid, int ranks) {
  if (grid.chunks == 2) {
    return {2 * ((ranks + 4) / 3), 2 * (ranks / 2 + 1), 3 * ranks / 2, 2 * ranks, 3 * ranks};
  }
  std::vector<int> limits{ranks / 2, 3 * ranks / 4, ranks, 3 * ranks / 2, 2 * ranks};
  for (int& limit : limits) limit = std::max(limit, 1) * grid.chunks;
  return limits;
}

struct Summary {
  std::vector<Found> all;
  void print(const char* name) const {
    if (all.empty()) return;
    const auto share = [&](auto&& holds) {
      return 100.0 * static_cast<double>(std::ranges::count_if(all, holds)) /
             static_cast<double>(all.size());
    };
    std::vector<double> times;
    double worst = 0.0;
    for (const Found& each : all) {
      times.push_back(1e3 * each.seconds);
      worst = std::max(worst, each.gap);
    }
    std::ranges::sort(times);
    std::printf(
        "| %-12s | %4zu | %5.1f %% | %5.1f %% | %5.1f %% | %5.2f %% | %8.1f | %8.1f | %8.1f |\n",
        name, all.size(), share([](const Found& f) { return f.optimal; }),
        share([](const Found& f) { return f.gap <= 0.02; }),
        share([](const Found& f) { return f.gap <= 0.05; }), 100 * worst, times[times.size() / 2],
        times[times.size() * 95 / 100], times.back());
    std::fflush(stdout);
  }
};

// The fastest schedule with a rule of its own that keeps the limit in the same placement, as text.
std::string best_named(const PipelineShape& shape, const ScheduleOptions& options) {
  if (shape.chunks == 1) return "";
  const Placement placement = shape.chunks == 2 ? Placement::kV : Placement::kLoop;
  const Schedule* best = nullptr;
  double shortest = 0.0;
  const std::vector<Schedule> named =
      published_orders(shape, placement, *options.max_live_activations, options.costs);
  for (const Schedule& each : named) {
    const double makespan = evaluate(each, options.costs).makespan;
    if (best && makespan >= shortest) continue;
    best = &each;
    shortest = makespan;
  }
  if (!best) return ", no other keeps the limit";
  return ", best other " + best->name + " " + std::to_string(shortest);
}

void run_ranks(const Grid& grid, int ranks) {
  std::map<std::string, Summary> by_limit;
  int number = 0;
  const double kinds[3][3] = {{1, 1, 1}, {2, 3, 1}, {2, 2, 1}};
  for (const int round : grid.rounds) {
    for (const int limit : limits_of(grid, ranks)) {
      const int as_one = ranks * grid.chunks;  // the limit that is L = P
      if (grid.only_low && limit >= as_one) continue;
      if (grid.only_high && limit < as_one) continue;
      for (const auto& kind : kinds) {
        for (const double comm : {0.0, 0.1}) {
          for (int uneven = 0; uneven < 2; ++uneven) {
            if (number++ % grid.every != 0) continue;
            ScheduleOptions options;
            options.max_live_activations = limit;
            options.search_budget = grid.budget;
            options.costs.forward = kind[0];
            options.costs.input_grad = kind[1];
            options.costs.weight_grad = kind[2];
            options.costs.comm = comm * kind[0];
            if (uneven) make_uneven(options.costs, ranks * grid.chunks, round);
            const PipelineShape shape{ranks, grid.chunks, round * ranks};
            const std::clock_t began = std::clock();
            const Schedule schedule = generate_schedule("zb_auto", shape, options);
            Found found;
            found.seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
            const double makespan = evaluate(schedule, options.costs).makespan;
            const OrderProof proof = prove_order(schedule, options.costs, limit, 1e6 * grid.budget);
            found.gap = std::max(0.0, makespan / proof.lower_bound - 1);
            found.optimal = proof.optimal;
            const char* name = limit >= as_one       ? "L >= P"
                               : 2 * limit <= as_one ? "L <= P/2"
                                                     : "P/2 < L < P";
            by_limit[name].all.push_back(found);
            if (grid.list) {
              std::printf(
                  "P %d M %d L %d costs %g:%g:%g comm %g uneven %d: %g bound %g (%s) gap %.2f %% "
                  "in %.0f ms%s\n",
                  ranks, shape.microbatches, limit, kind[0], kind[1], kind[2], comm, uneven,
                  makespan, proof.lower_bound, proof.by.c_str(), 100 * found.gap,
                  1e3 * found.seconds, best_named(shape, options).c_str());
              std::fflush(stdout);
            }
          }
        }
      }
    }
  }
  for (const auto& [name, summary] : by_limit) {
    summary.print(("P " + std::to_string(ranks) + " " + name).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Grid grid;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (option == "--list")
      grid.list = true;
    else if (option == "--low")
      grid.only_low = true;
    else if (option == "--high")
      grid.only_high = true;
    else if (option == "--ranks")
      grid.ranks = numbers(value), ++i;
    else if (option == "--microbatches")
      grid.rounds = numbers(value), ++i;
    else if (option == "--chunks")
      grid.chunks = std::stoi(value), ++i;
    else if (option == "--every")
      grid.every = std::stoi(value), ++i;
    else if (option == "--budget")
      grid.budget = std::stoi(value), ++i;
    else
      return std::fprintf(stderr, "unknown option %s\n", option.c_str()), 2;
  }
  std::printf(
      "| case         |    n | optimal |  <= 2 %%|  <= 5 %%|   worst | median ms |   p95 ms |   "
      "max ms |\n");
  std::printf("|---|---|---|---|---|---|---|---|---|\n");
  for (const int ranks : grid.ranks) run_ranks(grid, ranks);
}
